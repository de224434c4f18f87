"""Transforms that depend on the tokens read and written so far.

Each is applied to normalised log-probabilities and the result is normalised again; transformers and others apply
their penalties to logits, whose zero is arbitrary, so the same repetition penalty has another effect there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.common.lazy import LazyModule
from harness.completion.decoding.transform import Rows, Transform
from harness.completion.decoding.transforms import without

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = LazyModule("torch")


@dataclass(frozen=True)
class RepetitionPenalty(Transform):
    """Multiply the log-probability of every token that was read or written before (Keskar et al. 2019, CTRL)."""

    looks_back = True

    penalty: float = 1.2
    """Above 0; 1 changes nothing, above 1 makes repetition less likely."""

    def __post_init__(self) -> None:
        if not self.penalty > 0:
            raise ValueError(f"penalty={self.penalty} is not allowed: it must be above 0")

    def __call__(self, logprobs: Tensor, rows: Rows, memory: Tensor | None = None) -> Tensor:
        is_used = counts_of(rows.tokens, rows.is_read, logprobs.shape[-1]).to(logprobs.device) > 0
        return torch.log_softmax(torch.where(is_used, logprobs * self.penalty, logprobs), dim=-1)


@dataclass(frozen=True)
class CountPenalty(Transform):
    """Lower the log-probability of each token written before: once (presence), and for each occurrence (frequency).

    As in the OpenAI API, the prompt doesn't count.
    """

    looks_back = True

    presence: float = 0.0
    """In nats; 0 changes nothing."""
    frequency: float = 0.0
    """In nats for each occurrence; 0 changes nothing."""

    def __call__(self, logprobs: Tensor, rows: Rows, memory: Tensor | None = None) -> Tensor:
        counts = counts_of(rows.tokens, rows.is_written, logprobs.shape[-1]).to(logprobs)
        return torch.log_softmax(logprobs - self.presence * (counts > 0) - self.frequency * counts, dim=-1)


@dataclass(frozen=True)
class NoRepeatNGram(Transform):
    """Remove every token that would complete an n-gram that the row already contains (Paulus, Xiong & Socher 2018)."""

    looks_back = True

    n: int = 4
    """1 or more; 1 allows no token twice."""

    def __post_init__(self) -> None:
        if self.n < 1:
            raise ValueError(f"n={self.n} is not allowed: it must be 1 or more")

    def __call__(self, logprobs: Tensor, rows: Rows, memory: Tensor | None = None) -> Tensor:
        removed = torch.zeros_like(logprobs, dtype=torch.bool)
        for row, length in enumerate(rows.lengths.tolist()):
            if length < self.n:
                continue
            tokens = rows.tokens[row, :length]
            grams = tokens.unfold(0, self.n, 1)  # (length - n + 1, n)
            begins_like_now = (grams[:, :-1] == tokens[length - self.n + 1 :]).all(dim=1)
            removed[row, grams[begins_like_now, -1].to(removed.device)] = True
        return without(logprobs, removed)


def counts_of(tokens: Tensor, counted: Tensor, vocab_size: int) -> Tensor:
    """(B, V): how often each token occurs at the positions of `tokens` (B, T) that are `counted` (B, T)."""
    counts = torch.zeros(len(tokens), vocab_size, dtype=torch.int64)
    return counts.scatter_add(1, torch.where(counted, tokens, 0), counted.long())
