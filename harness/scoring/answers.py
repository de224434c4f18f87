"""What scoring and compressing a text give, as plain values.

A number that could not be had is None, and `reason` says why.
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
    """Every token was the most probable one (of equals, the one with the lowest id); None for whole documents."""
    reason: str | None = None
    by_token: TokenScores | None = None
    """Of whole documents, where the model gives them a number."""


@dataclass(frozen=True)
class Compressed:
    """How small a model makes texts, and whether they come back."""

    num_bytes: int | None
    """Of the file; None where the model's scores are no probabilities, or are zero, and `reason` says so."""
    restored: bool | None
    """Whether a fresh copy of the model read the same texts from it."""
    nats: float | None
    """What the texts cost when they are scored: sum of -ln p over their tokens, and the ends of all but the last."""
    num_tokens: int
    decoder_bytes: int
    """What reading the file takes besides: the model's weights and the tokenizer, on disk."""
    reason: str | None = None
