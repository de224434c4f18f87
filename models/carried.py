"""Shared by families with a carried state: a few tensors of fixed size hold all that a row has read.

Recurrent networks and state-space models are of this kind. A family defines how it runs over a stretch of tokens from
its carried state; reading and the state are here. Rows of several lengths are never padded: all rows are read until the
shortest ends, then the others continue without it.

Shape legend: B rows, T tokens, V vocabulary size, D width of the hidden values.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional as F

from models.inner import Inner
from models.language_model import State
from models.neural_model import NeuralModel

Carry = tuple[Tensor, ...]
"""The memory of each row: tensors with B in dimension 1 and any other dimensions (layers usually come first)."""

# No more hidden values (B x T x D) at once while a long text is read.
_MAX_HIDDEN_VALUES = 1 << 22


@dataclass(frozen=True, eq=False)
class CarriedState(State):
    """logprobs (B, V), and what is remembered."""

    logprobs: Tensor
    carry: Carry

    def select(self, rows: Tensor | Sequence[int]) -> Self:
        index = torch.as_tensor(rows, dtype=torch.int64, device=self.logprobs.device)
        return type(self)(self.logprobs[index], tuple(part[:, index] for part in self.carry))


class CarriedModel(NeuralModel):
    """A model that remembers what it has read in a carry. A subclass runs a stretch; reading texts is done here."""

    @property
    @abstractmethod
    def hidden_width(self) -> int:
        """D: the number of values for each token while a stretch runs; it decides where long texts are cut to save
        memory."""

    @abstractmethod
    def blank_carry(self, num_rows: int) -> Carry:
        """The carry of rows that have read nothing, on the model's device: zeros."""

    @abstractmethod
    def run(self, tokens: Tensor, carry: Carry, training: bool) -> tuple[Tensor, Carry]:
        """Read a stretch. tokens: (B, T), T >= 1. training: whether dropout is active; the modules' mode is ignored.

        Returns hidden values (B, T, D), and the carry after the last token.
        """

    @abstractmethod
    def logits(self, hidden: Tensor) -> Tensor:
        """(..., D) to (..., V)."""

    @property
    def embeddings(self) -> Tensor | None:
        """(V, E): the vector with which each token is read; None where the family has none."""
        return None

    def units(self, tokens: Tensor) -> Mapping[str, Tensor]:
        """By layer, from the first to the last: its hidden units (S, D) while a row (1, S) is read from its beginning.
        `logits` of the last are the scores."""
        return {"hidden units": self.run(tokens, self.blank_carry(1), training=False)[0][0]}

    @torch.no_grad()
    def inner(self, tokens: Tensor) -> Inner:
        places = F.pad(tokens.to(self.device), (1, 0), value=self.start_token)[None]
        return Inner(units=self.units(places), embeddings=self.embeddings)

    def forward(self, tokens: Tensor, carry: Carry | None = None) -> tuple[Tensor, Carry]:
        before = self.blank_carry(len(tokens)) if carry is None else carry
        hidden, after = self.run(tokens, before, self.training)
        return self.logits(hidden), tuple(part.detach() for part in after)

    def features(self, tokens: Tensor) -> Tensor:
        return self.run(tokens, self.blank_carry(len(tokens)), training=False)[0]

    def _expect(self, hidden: Tensor) -> Tensor:
        return torch.log_softmax(self.logits(hidden), dim=-1, dtype=torch.float32)

    @torch.no_grad()
    def start(self, num_rows: int = 1) -> CarriedState:
        tokens = torch.full((1, 1), self.start_token, device=self.device)
        hidden, carry = self.run(tokens, self.blank_carry(1), training=False)
        return CarriedState(self._expect(hidden)[:, 0], carry).select([0] * num_rows)

    @torch.no_grad()
    def read(self, state: State, tokens: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        assert isinstance(state, CarriedState)
        tokens = tokens.to(self.device)
        after = torch.zeros(*tokens.shape, self.vocab_size, device=self.device)
        logprobs, carry = state.logprobs, state.carry
        for begin, end, rows in self._segments(tokens, lengths):
            part, before = tokens[:, begin:end], carry
            if rows is not None:
                part, before = part[rows], tuple(tensor[:, rows] for tensor in carry)
            hidden, carried = self.run(part, before, training=False)
            expected = self._expect(hidden)
            if rows is None:
                after[:, begin:end] = expected
                logprobs, carry = expected[:, -1].clone(), carried
            else:
                after[rows, begin:end] = expected
                logprobs = logprobs.index_copy(0, rows, expected[:, -1])
                carry = tuple(tensor.index_copy(1, rows, new) for tensor, new in zip(carry, carried, strict=True))
        return after, CarriedState(logprobs, carry)

    def _segments(self, tokens: Tensor, lengths: Tensor | None) -> Iterator[tuple[int, int, Tensor | None]]:
        """(begin, end, the rows that continue to `end`, None for all): nothing is ever padded.

        A segment ends where a row does, and where it would take too much memory.
        """
        num_rows, num_tokens = tokens.shape
        if not num_rows:
            return
        ends = [num_tokens] if lengths is None else sorted(set(lengths.tolist()))
        longest = max(1, _MAX_HIDDEN_VALUES // (num_rows * self.hidden_width))
        begin = 0
        for row_end in ends:
            rows = None
            if lengths is not None and row_end > ends[0]:
                rows = torch.nonzero(lengths >= row_end)[:, 0].to(self.device)
            while begin < row_end:
                end = min(row_end, begin + longest)
                yield begin, end, rows
                begin = end
