"""N-grams with interpolated modified Kneser-Ney smoothing.

Chen and Goodman (1998), "An empirical study of smoothing techniques for language modeling", section 4.1.6 and equation
(26) for the discounts; counts and interpolation as in Heafield, Pouzyrevsky, Clark and Koehn (2013), "Scalable modified
Kneser-Ney language model estimation" (KenLM):

    p(w | c) = (a(cw) - D(a(cw))) / sum_v a(cv)  +  backoff(c) p(w | c without its oldest token)
    backoff(c) = sum_v D(a(cv)) / sum_v a(cv)

- a is the raw count at the highest order. Below it, a counts the distinct tokens seen just before the n-gram; but an
  n-gram that begins with the start token has nothing before it and keeps its raw count, as KenLM does with <s>.
- D has three values an order, for counts of 1, 2, and 3 or more, estimated from the counts of counts.
- The lowest level is interpolated with the uniform distribution, so every token has a probability.
- Documents are cut: no context reaches past the start token. Where it ends a document, the start token is predicted
  like any other token; at the stream's very beginning it is only context.

Contexts form a trie, newest token first: the node of a context of m tokens is a child of the node of its newest m - 1
tokens. So finding all contexts of a place takes one look-up a level, and a longer context is only looked for where the
shorter one was seen. Everything is numpy over all places at once.

Shape legend: B rows, T tokens, V vocabulary size, N places (a text's positions), each with its history of order - 1
tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from models.checks import check_option, check_tokens
from models.kneser_ney import Level, estimate
from models.language_model import Cost, CountingModel, ModelConfig, State
from models.sparse_rows import Floats, Ints, SparseRows

MAX_ORDER = 20
# Places looked up at once: their arrays stay in the processor's cache.
_PLACES_AT_ONCE = 1 << 16


@dataclass(frozen=True)
class NGramConfig(ModelConfig):
    """Interpolated modified Kneser-Ney."""

    family: ClassVar[str] = "ngram"

    order: int = 7
    """Tokens in the longest n-gram, the predicted one included; 1 to 20."""

    def __post_init__(self) -> None:
        check_option(self, "order", 1 <= self.order <= MAX_ORDER, f"1 to {MAX_ORDER}")

    def build(self, vocab_size: int, start_token: int) -> NGram:
        return NGram(self, vocab_size, start_token)


@dataclass(frozen=True, eq=False)
class NGramState(State):
    """logprobs (B, V), and the last order - 1 tokens of each row, oldest first (B, order - 1).

    Where fewer were read, the start token stands in: no context goes on past a start token, so more of them change
    nothing.
    """

    logprobs: Tensor
    history: Tensor

    def select(self, rows: Tensor | Sequence[int]) -> Self:
        index = torch.as_tensor(rows, dtype=torch.int64)
        return type(self)(self.logprobs[index], self.history[index])


class NGram(CountingModel):
    """Stored: the interpolated log-probability of every n-gram seen, and a back-off weight for every context seen."""

    config: NGramConfig
    discounts: Floats
    """(order, 3): what is taken off counts of 1, 2, and 3 or more, from order 1 up."""

    def __init__(self, config: NGramConfig, vocab_size: int, start_token: int) -> None:
        self.config = config
        self.vocab_size = vocab_size
        self.start_token = start_token
        self._stretches: list[Ints] = []
        self._unigram_logprobs: Floats | None = None
        self._levels: list[Level] = []

    @property
    def context_length(self) -> int:
        return self.config.order - 1

    def count(self, tokens: Tensor) -> None:
        stretch = tokens.numpy()
        check_tokens(stretch, self.vocab_size)
        if not self._stretches and len(stretch) and stretch[0] != self.start_token:
            raise ValueError(
                f"The training stream opens with token {stretch[0]}, not the start token {self.start_token}."
            )
        if len(stretch):
            self._stretches.append(stretch.astype(np.int32))

    def finish(self) -> None:
        stream = np.concatenate([np.zeros(0, np.int64), *self._stretches])
        self._stretches = []
        self._unigram_logprobs, self._levels, self.discounts = estimate(
            stream, self.config.order, self.vocab_size, self.start_token
        )

    def start(self, num_rows: int = 1) -> NGramState:
        history = torch.full((num_rows, self.config.order - 1), self.start_token)
        return NGramState(self._distributions(history.numpy()), history)

    def read(self, state: State, tokens: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        assert isinstance(state, NGramState)
        num_rows, num_tokens = tokens.shape
        check_tokens(tokens.numpy(), self.vocab_size)
        if lengths is None:
            lengths = torch.full((num_rows,), num_tokens)
        text = torch.cat([state.history, tokens], dim=1)
        histories = _histories(text.numpy(), self.config.order)  # (B, T + 1, order - 1); [:, 0] is the state's own
        after = self._distributions(histories[:, 1:].reshape(num_rows * num_tokens, self.config.order - 1))
        after = after.view(num_rows, num_tokens, self.vocab_size)
        row = torch.arange(num_rows)
        history = torch.from_numpy(histories[row.numpy(), lengths.numpy()])
        logprobs = torch.cat([state.logprobs[:, None], after], dim=1)[row, lengths]
        return after, NGramState(logprobs, history)

    def token_logprobs(self, tokens: Tensor, lengths: Tensor | None = None) -> Tensor:
        check_tokens(tokens.numpy(), self.vocab_size)
        order = self.config.order
        opening = torch.full((tokens.shape[0], order - 1), self.start_token)
        text = torch.cat([opening, tokens], dim=1).numpy()
        histories = _histories(text, order)[:, :-1].reshape(tokens.numel(), order - 1)
        targets = tokens.numpy().ravel()
        scored = np.empty(len(targets), np.float32)
        for begin in range(0, len(targets), _PLACES_AT_ONCE):
            part = slice(begin, begin + _PLACES_AT_ONCE)
            scored[part] = self._score(histories[part], targets[part])
        return torch.from_numpy(scored).view(tokens.shape)

    def _descend(self, histories: Ints) -> Iterator[tuple[Level, Ints, Ints]]:
        """Down the trie of contexts, from one token: each level, the places whose context was seen, and its nodes.

        histories: (N, order - 1), oldest first.
        """
        places = np.arange(len(histories))
        nodes = np.zeros(len(histories), np.int64)
        for m, level in enumerate(self._levels, start=1):
            nodes = level.contexts.find(nodes, histories[places, -m])
            seen = nodes >= 0
            places, nodes = places[seen], nodes[seen]
            if not len(places):
                return
            yield level, places, nodes

    def _score(self, histories: Ints, targets: Ints) -> Floats:
        """The log-probability of each target (N,) after its history (N, order - 1)."""
        scores = self._unigrams()[targets]
        for level, places, nodes in self._descend(histories):
            entries = level.ngrams.find(nodes, targets[places])
            backed_off = scores[places] + level.log_backoffs[nodes]
            scores[places] = np.where(entries >= 0, level.logprobs[entries], backed_off)
        return scores

    def _distributions(self, histories: Ints) -> Tensor:
        """What follows each history (N, order - 1). Returns (N, V) float32."""
        unigrams = self._unigrams()
        logprobs = np.empty((len(histories), self.vocab_size), np.float32)
        levels = list(self._descend(histories))
        # What is passed down to a level by all levels above it.
        passed_down = np.zeros(len(histories))
        shares = []
        for level, places, nodes in reversed(levels):
            shares.append(passed_down[places])
            passed_down[places] += level.log_backoffs[nodes]
        # Summed in float64, rounded into place: no (N, V) temporary.
        np.add(passed_down[:, None], unigrams, out=logprobs, casting="same_kind")
        for (level, places, nodes), share in zip(levels, reversed(shares), strict=True):
            which, entries = level.ngrams.entries_of(nodes)
            logprobs[places[which], level.ngrams.columns[entries]] = level.logprobs[entries] + share[which]
        return torch.from_numpy(logprobs)

    def _unigrams(self) -> Floats:
        if self._unigram_logprobs is None:
            raise RuntimeError("This ngram model has counted nothing: call count, then finish, or load.")
        return self._unigram_logprobs

    def cost(self) -> Cost:
        """A parameter is a stored number that scores text: the log-probability of each n-gram seen (at order 1, of each
        token of the vocabulary), and the back-off weight of each context seen.
        """
        return Cost(
            num_params=self.vocab_size + sum(len(level.logprobs) + len(level.log_backoffs) for level in self._levels),
            model_bytes=sum(tensor.nbytes for tensor in self.tensors().values()),
            flops_per_token=0,
            state_bytes_at_context=4 * self.vocab_size + 8 * (self.config.order - 1),
        )

    def tensors(self) -> dict[str, Tensor]:
        arrays: dict[str, Ints | Floats] = {"order_1.logprobs": self._unigrams(), "discounts": self.discounts}
        for order, level in enumerate(self._levels, start=2):
            arrays[f"order_{order}.context_keys"] = level.contexts.keys
            arrays[f"order_{order}.log_backoffs"] = level.log_backoffs
            arrays[f"order_{order}.ngram_keys"] = level.ngrams.keys
            arrays[f"order_{order}.logprobs"] = level.logprobs
        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    def load_tensors(self, tensors: dict[str, Tensor]) -> None:
        arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
        self._unigram_logprobs, self.discounts = arrays["order_1.logprobs"], arrays["discounts"]
        self._levels = []
        num_parents = 1
        for order in range(2, self.config.order + 1):
            context_keys, ngram_keys = arrays[f"order_{order}.context_keys"], arrays[f"order_{order}.ngram_keys"]
            contexts = SparseRows(context_keys, num_parents, self.vocab_size)
            num_parents = len(context_keys)
            ngrams = SparseRows(ngram_keys, num_parents, self.vocab_size)
            log_backoffs, logprobs = arrays[f"order_{order}.log_backoffs"], arrays[f"order_{order}.logprobs"]
            self._levels.append(Level(contexts, log_backoffs, ngrams, logprobs))


def _histories(text: Ints, order: int) -> Ints:
    """The order - 1 tokens before each place, oldest first. text: (B, order - 1 + T). Returns (B, T + 1, order - 1)."""
    if order == 1:
        return np.zeros((text.shape[0], text.shape[1] + 1, 0), np.int64)
    return np.lib.stride_tricks.sliding_window_view(text, order - 1, axis=1)
