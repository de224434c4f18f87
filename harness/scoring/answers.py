"""The results of scoring and of compressing a text, as plain values.

A number that cannot be computed is None, and `reason` says why.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

BITS_PER_NAT = 1 / math.log(2)


@dataclass(frozen=True, eq=False)
class TokenScores:
    """A document, token by token; N tokens."""

    nats: np.ndarray
    """(N,) float64: -ln p of each token."""
    num_context_tokens: np.ndarray
    """(N,) int64: how many tokens before it, the start token included, each could depend on."""


@dataclass(frozen=True)
class Likelihood:
    """How likely a text is."""

    nats: float | None
    """Sum of -ln p over the text's tokens; None where the model gives no such number, and `reason` says why."""
    num_tokens: int
    is_greedy: bool | None = None
    """Every token was the most probable one (of equally probable ones, the lowest id); None for whole documents."""
    reason: str | None = None
    by_token: TokenScores | None = None
    """The score of each token; only for whole documents, where `nats` is not None."""


@dataclass(frozen=True)
class Compressed:
    """The size of texts compressed by a model, and whether they were restored."""

    num_bytes: int | None
    """Size of the file; None where the model's scores aren't probabilities, or are zero; `reason` says which."""
    restored: bool | None
    """Whether a fresh copy of the model decoded the same texts from the file."""
    nats: float | None
    """The texts' score: sum of -ln p over their tokens and the ends of all texts but the last."""
    num_tokens: int
    decoder_bytes: int
    """Size on disk of what decoding needs besides the file: the model's weights and the tokenizer."""
    reason: str | None = None
