"""What a model computes on its way to the probabilities of one text, for people to look at.

Shape legend: T tokens, S = T + 1 places (the start token, then the text), L layers, H heads, D units, V vocabulary
size, E width of an embedding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Evidence:
    """What one context adds to a token's probability: own + passed_on x what the next shorter context gives."""

    context: tuple[int, ...]
    """The last tokens before the token, the oldest first; the start token too."""
    own: float
    passed_on: float
    """0 in the last one."""
    count: int | None = None
    """How often the token followed this context in training; None where the fit kept no counts."""
    total: int | None = None
    """How often any token did."""


@dataclass(frozen=True)
class Inner:
    """What is inside; empty where the family has nothing of the kind."""

    attention: Tensor | None = None
    """(L, H, S, S): how much a place (third) takes from each place (last) up to its own. Rows sum to one."""
    units: Mapping[str, Tensor] = field(default_factory=dict)
    """By the layer's name, from the first to the last: its hidden units at each place, (S, D)."""
    embeddings: Tensor | None = None
    """(V, E): the vector with which each token is read."""
    evidence: tuple[tuple[Evidence, ...], ...] = ()
    """For each token of the text, the contexts from the longest to the one that ends the sum."""
