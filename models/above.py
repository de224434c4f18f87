"""What models share that stand above another one: they change its distributions by what the last tokens were.

The base reads the text, and never changes. What stands above it looks at the last k tokens, for k = 0 up to a few: the
contexts. Like an n-gram's, contexts never reach past a document's start.

Shape legend: B rows, T tokens, N places in texts, K contexts of a place, V vocabulary size.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.language_model import LanguageModel, State
from models.sparse_rows import Ints

NOTHING = -1
"""Stands for a token before a document's start, and for a context that would reach there."""
_BITS = 63


@dataclass(frozen=True, eq=False)
class AboveState(State):
    """logprobs (B, V), the base's state, and the last tokens of each row (B, K - 1), -1 before a document's start."""

    logprobs: Tensor
    base: State
    recent: Tensor

    def select(self, rows: Tensor | Sequence[int]) -> Self:
        index = torch.as_tensor(rows, dtype=torch.int64)
        return type(self)(self.logprobs[index.to(self.logprobs.device)], self.base.select(index), self.recent[index])


class AboveModel(LanguageModel):
    """A subclass says how distributions change."""

    def stand_on(self, base: LanguageModel, most_context: int) -> None:
        """most_context: the most tokens of context that are looked at; no more than the base's own."""
        # in a tuple, so that a base of torch is no part of a module above it
        self._bases = (base,)
        self.vocab_size, self.start_token = base.vocab_size, base.start_token
        own = base.context_length
        self.most_context = min(
            most_context if own is None else min(own, most_context),
            int(_BITS // math.log2(max(2, self.vocab_size))),
        )
        """K - 1: of the base's context, what fits into a number of 63 bits."""

    @abstractmethod
    def change(self, logprobs: Tensor, contexts: Ints) -> Tensor:
        """(N, V) log-probabilities: the base's, changed. contexts: (K, N), as `contexts` gives them."""

    @property
    def base(self) -> LanguageModel:
        return self._bases[0]

    @property
    def why_no_distribution(self) -> str | None:
        return self.base.why_no_distribution

    @property
    def context_length(self) -> int | None:
        return self.base.context_length

    @property
    def window_length(self) -> int | None:
        return self.base.window_length

    def num_context_tokens(self, num_tokens: int) -> Tensor:
        return self.base.num_context_tokens(num_tokens)

    def contexts(self, tokens: NDArray[Any]) -> Ints:
        """(K, ..., T): for each length of context, the context that ends with each token, as a number below V to the
        power of the length; -1 where fewer tokens have been read since the document's start.

        tokens: (..., T), -1 where there is none; the start token is one.
        """
        contexts = np.full((self.most_context + 1, *tokens.shape), NOTHING)
        contexts[0] = 0
        reaches = np.ones(tokens.shape, bool)  # the context of this length lies within the document
        for size in range(1, self.most_context + 1):
            earlier = np.full(tokens.shape, NOTHING)
            earlier[..., size - 1 :] = tokens[..., : tokens.shape[-1] - size + 1]
            reaches = reaches & (earlier != NOTHING)
            shorter = contexts[size - 1]
            contexts[size] = np.where(reaches, shorter + earlier * self.vocab_size ** (size - 1), NOTHING)
            reaches = reaches & (earlier != self.start_token)  # a longer one would begin before the document
        return contexts

    @torch.no_grad()
    def start(self, num_rows: int = 1) -> AboveState:
        base = self.base.start(num_rows)
        recent = np.full((num_rows, self.most_context), NOTHING)
        if self.most_context:
            recent[:, -1] = self.start_token
        return AboveState(self.change(base.logprobs, self._last(recent)), base, torch.from_numpy(recent))

    def _last(self, recent: Ints) -> Ints:
        """(K, B): the contexts after the last tokens."""
        # one token at least, so that a model without context has a place to predict from
        text = recent if recent.shape[1] else np.full((len(recent), 1), NOTHING)
        return self.contexts(text)[..., -1]

    @torch.no_grad()
    def read(self, state: State, tokens: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        assert isinstance(state, AboveState)
        num_rows, num_tokens = tokens.shape
        tokens = tokens.cpu()  # a base that counts reads there, and any other takes them to its own device
        after, base = self.base.read(state.base, tokens, lengths)
        before = state.recent.numpy()
        text = np.concatenate([before, tokens.numpy()], axis=1)
        contexts = self.contexts(text)[..., before.shape[1] :]
        changed = self.change(after.reshape(-1, self.vocab_size), contexts.reshape(len(contexts), -1))
        if lengths is None:
            lengths = torch.full((num_rows,), num_tokens)
        ends = lengths.cpu().numpy()
        recent = text[np.arange(num_rows)[:, None], ends[:, None] + np.arange(before.shape[1])]
        has_read = (lengths > 0)[:, None].to(state.logprobs.device)
        logprobs = torch.where(has_read, self.change(base.logprobs, self._last(recent)), state.logprobs)
        return changed.view(num_rows, num_tokens, self.vocab_size), AboveState(logprobs, base, torch.from_numpy(recent))

    def on(self, device: torch.device) -> Self:
        self.base.on(device)
        return super().on(device)

    def base_tensors(self) -> dict[str, Tensor]:
        """The base's tensors, for those of the whole."""
        return {f"base/{name}": value for name, value in self.base.tensors().items()}

    def load_base_tensors(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Load the base's of the tensors of the whole; the others."""
        own = {name: value for name, value in tensors.items() if not name.startswith("base/")}
        self.base.load_tensors({name.removeprefix("base/"): tensors[name] for name in tensors.keys() - own.keys()})
        return own
