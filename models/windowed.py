"""Shared by families with a limited context: windows that slide along a text of any length.

A model of this kind sees at most `context_length` tokens, the start token among them. A row reads into its window until
that is full; the next token then opens a new window, which begins `stride` tokens later and first reads again the last
`context_length - stride` tokens of the old one:

    position     0 1 2 3 4 5 6 7 8 9        context_length 6, stride 2
    window 0     S . . . . .                all six are new
    window 1         r r r r . .            r: read again, so that 6 and 7 have at least 4 tokens of context
    window 2             r r r r . .

Which window a token is in follows from its own position alone. So reading step by step, in pieces, or all at once
gives the same distributions, whatever the other rows hold; and a long text can be scored with all of its windows side
by side.

Shape legend: B rows (or windows), T tokens, V vocabulary size, D width of the hidden values.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple, Self

import torch
from torch import Tensor

from models.language_model import State
from models.neural_model import TorchModel

# What is scored at once where windows run side by side: tokens (more are slower on a processor); tokens x vocabulary.
_MAX_TOKENS_AT_ONCE = 1 << 11
_MAX_VALUES_AT_ONCE = 1 << 24


class WindowCache(ABC):
    """The values that a model stores for the tokens in each row's window. A cache is a value: it never changes."""

    lengths: tuple[int, ...]
    """By row: how many tokens are in its window."""

    @abstractmethod
    def select(self, rows: Sequence[int]) -> Self:
        """These rows, in this order; a row may be named never, once or many times."""

    @abstractmethod
    def shortened(self, lengths: Sequence[int]) -> Self:
        """Only the first `lengths[b]` tokens of each row."""

    @abstractmethod
    def replace(self, rows: Sequence[int], other: Self) -> Self:
        """The same cache, with `rows` replaced by those of `other`."""


@dataclass(frozen=True, eq=False)
class WindowedState(State):
    """logprobs (B, V); the tokens in each row's window (B, longest), from its beginning; what is kept of them."""

    logprobs: Tensor
    tokens: Tensor
    cache: WindowCache

    def select(self, rows: Tensor | Sequence[int]) -> Self:
        index = torch.as_tensor(rows, dtype=torch.int64)
        chosen = index.tolist()
        if chosen == list(range(self.num_rows)):
            return self
        index = index.to(self.logprobs.device)
        return type(self)(self.logprobs[index], self.tokens[index], self.cache.select(chosen))


class _Window(NamedTuple):
    """Of row `row`, inputs `begin` to `end` - 1, where the first `again` have been scored already."""

    row: int
    begin: int
    end: int
    again: int


class WindowedModel(TorchModel):
    """A model that sees a window of `context_length` tokens. A subclass runs one window; sliding it is done here."""

    @property
    @abstractmethod
    def context_length(self) -> int:
        """The most tokens in a window."""

    @property
    def window_length(self) -> int:
        return self.context_length

    @property
    @abstractmethod
    def stride(self) -> int:
        """How many tokens further the next window begins; 1 to `context_length`."""

    def num_context_tokens(self, num_tokens: int) -> Tensor:
        num_context = torch.arange(1, num_tokens + 1)
        for window in self._windows(0, num_tokens):
            num_context[window.begin + window.again : window.end] -= window.begin
        return num_context

    @abstractmethod
    def new_cache(self, num_rows: int) -> WindowCache:
        """The cache of rows whose windows are empty."""

    @abstractmethod
    def run_window(
        self, tokens: Tensor, counts: Sequence[int], cache: WindowCache | None
    ) -> tuple[Tensor, WindowCache | None]:
        """Read tokens into windows, without dropout.

        tokens: (B, T); of row b the first `counts[b]` count, and they fit into its window. cache: what is in the
        windows already; None: nothing, and no cache is needed. Returns hidden values (B, T, D), and the cache with
        the tokens.
        """

    @abstractmethod
    def logits(self, hidden: Tensor) -> Tensor:
        """(..., D) to (..., V)."""

    def _expect(self, hidden: Tensor) -> Tensor:
        return torch.log_softmax(self.logits(hidden), dim=-1, dtype=torch.float32)

    @torch.no_grad()
    def start(self, num_rows: int = 1) -> WindowedState:
        tokens = torch.full((1, 1), self.start_token, device=self.device)
        hidden, cache = self.run_window(tokens, [1], self.new_cache(1))
        assert cache is not None
        return WindowedState(self._expect(hidden[:, 0]), tokens, cache).select([0] * num_rows)

    @torch.no_grad()
    def read(self, state: State, tokens: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        assert isinstance(state, WindowedState)
        tokens = tokens.to(self.device)
        num_rows, num_tokens = tokens.shape
        after = torch.zeros(num_rows, num_tokens, self.vocab_size, dtype=torch.float32, device=self.device)
        ends = [num_tokens] * num_rows if lengths is None else lengths.tolist()
        done = [0] * num_rows
        while done != ends:
            state = self._slide(state, [row for row in range(num_rows) if done[row] < ends[row]])
            room = [self.context_length - length for length in state.cache.lengths]
            counts = [min(end - begin, space) for end, begin, space in zip(ends, done, room, strict=True)]
            state = self._read_piece(state, tokens, done, counts, after)
            done = [begin + count for begin, count in zip(done, counts, strict=True)]
        return after, state

    def partway(self, before: State, after: State, logprobs: Tensor, counts: Sequence[int]) -> State | None:
        """Tokens are removed from the windows again, where no window has slid meanwhile."""
        assert isinstance(before, WindowedState)
        assert isinstance(after, WindowedState)
        grown = zip(before.cache.lengths, after.cache.lengths, strict=True)
        if any(now - then != logprobs.shape[1] for then, now in grown):
            return None
        lengths = [then + count for then, count in zip(before.cache.lengths, counts, strict=True)]
        count = torch.tensor(counts, device=self.device)
        last = logprobs[torch.arange(len(counts), device=self.device), (count - 1).clamp(min=0)]
        expected = torch.where(count[:, None] > 0, last, before.logprobs)
        return WindowedState(expected, after.tokens, after.cache.shortened(lengths))

    def _read_piece(
        self, state: WindowedState, tokens: Tensor, done: list[int], counts: list[int], after: Tensor
    ) -> WindowedState:
        """Read the next `counts` tokens of each row, which fit into its window. Fills `after` with what follows."""
        lengths = state.cache.lengths
        if len(set(done)) == 1 and len(set(counts)) == 1:
            piece = slice(done[0], done[0] + counts[0])
            hidden, cache = self.run_window(tokens[:, piece], counts, state.cache)
            after[:, piece] = expected = self._expect(hidden)
            logprobs = expected[:, -1].clone()
        else:
            begin, count = (torch.tensor(values, device=self.device)[:, None] for values in (done, counts))
            columns = begin + torch.arange(max(counts), device=self.device)
            hidden, cache = self.run_window(
                tokens.gather(1, columns.clamp(max=tokens.shape[1] - 1)), counts, state.cache
            )
            expected = self._expect(hidden)
            row, step = torch.nonzero(columns < begin + count, as_tuple=True)
            after[row, columns[row, step]] = expected[row, step]
            last = expected[torch.arange(len(counts), device=self.device), count[:, 0].clamp(min=1) - 1]
            logprobs = torch.where(count > 0, last, state.logprobs)
        assert cache is not None
        return WindowedState(logprobs, _append(state.tokens, lengths, tokens, done, counts), cache)

    def _slide(self, state: WindowedState, rows: Sequence[int]) -> WindowedState:
        """Open a new window for those of `rows` whose window is full."""
        full = [row for row in rows if state.cache.lengths[row] == self.context_length]
        if not full:
            return state
        num_again = self.context_length - self.stride
        index = torch.tensor(full, device=self.device)
        again = state.tokens[index, self.stride :]
        fresh: WindowCache | None = self.new_cache(len(full))
        if num_again:
            _, fresh = self.run_window(again, [num_again] * len(full), fresh)
        assert fresh is not None
        if len(full) == state.num_rows:
            return WindowedState(state.logprobs, again, fresh)
        tokens = state.tokens.clone()
        tokens[index, :num_again] = again
        return WindowedState(state.logprobs, tokens, state.cache.replace(full, fresh))

    @torch.no_grad()
    def token_logprobs(self, tokens: Tensor, lengths: Tensor | None = None) -> Tensor:
        tokens = tokens.to(self.device)
        scores = torch.zeros(tokens.shape, dtype=torch.float32, device=self.device)
        if not tokens.numel():
            return scores
        opening = torch.full((len(tokens), 1), self.start_token, device=self.device)
        inputs = torch.cat([opening, tokens[:, :-1]], dim=1)  # inputs[:, t] is read just before tokens[:, t]
        ends = [tokens.shape[1]] * len(tokens) if lengths is None else lengths.tolist()
        windows = [window for row, end in enumerate(ends) for window in self._windows(row, end)]
        for batch in _batches(windows, self.vocab_size):
            again, longest = batch[0].again, batch[0].end - batch[0].begin
            row, begin, end = torch.tensor([window[:3] for window in batch], device=self.device)[:, :, None].unbind(1)
            columns = begin + torch.arange(longest, device=self.device)
            window_tokens = inputs[row, columns.clamp(max=tokens.shape[1] - 1)]
            hidden, _ = self.run_window(window_tokens, [window.end - window.begin for window in batch], None)
            expected = self._expect(hidden[:, again:])
            columns = columns[:, again:]
            window, step = torch.nonzero(columns < end, as_tuple=True)
            scored = (row[window, 0], columns[window, step])
            scores[scored] = expected[window, step, tokens[scored]]
        return scores

    def _windows(self, row: int, num_tokens: int) -> list[_Window]:
        """The windows in which a row's `num_tokens` tokens are scored, each token in one."""
        again = self.context_length - self.stride
        begins = range(self.stride, num_tokens - again, self.stride)
        later = [_Window(row, begin, min(begin + self.context_length, num_tokens), again) for begin in begins]
        first = _Window(row, 0, min(self.context_length, num_tokens), 0)
        return [first, *later] if num_tokens else []


def _batches(windows: list[_Window], vocab_size: int) -> Iterator[list[_Window]]:
    """Windows that can run side by side: as many read again, of similar lengths, the longest first."""
    windows = sorted(windows, key=lambda window: (window.again, window.begin - window.end))
    for _, group in groupby(windows, key=lambda window: window.again):
        waiting = list(group)
        while waiting:
            longest = waiting[0].end - waiting[0].begin
            at_once = max(1, min(_MAX_TOKENS_AT_ONCE, _MAX_VALUES_AT_ONCE // vocab_size) // longest)
            yield waiting[:at_once]
            waiting = waiting[at_once:]


def _append(window: Tensor, held: Sequence[int], tokens: Tensor, done: Sequence[int], counts: Sequence[int]) -> Tensor:
    """Each row's window (B, at least held), and after it tokens[b, done[b] :][: counts[b]]."""
    longest = max(before + count for before, count in zip(held, counts, strict=True))
    appended = window.new_zeros(len(held), longest)
    num_copied = min(longest, window.shape[1])
    appended[:, :num_copied] = window[:, :num_copied]
    if all(len(set(values)) == 1 for values in (held, done, counts)):
        appended[:, held[0] :] = tokens[:, done[0] : done[0] + counts[0]]
        return appended
    source, begin, count = (torch.tensor(values, device=tokens.device)[:, None] for values in (done, held, counts))
    step = torch.arange(max(counts), device=tokens.device)
    row, offset = torch.nonzero(step < count, as_tuple=True)
    appended[row, begin[row, 0] + offset] = tokens[row, source[row, 0] + offset]
    return appended
