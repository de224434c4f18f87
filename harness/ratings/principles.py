"""Raters that judge by principles: which principle decides a pair, and how they are weighed. Needs no torch.

By default one principle decides a pair, drawn by its weight, as in Constitutional AI (Bai et al. 2022).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import numpy as np

from harness.common.options import check_option
from harness.common.seeds import seed_of
from harness.completion.reward import Material, Reply, Reward
from harness.ratings.bank import Gold
from harness.ratings.rating import Choice, Pair, Rating, Side
from harness.ratings.written_pairs import OfWrittenPairs


@runtime_checkable
class OfPrinciples(Protocol):
    """A reward that is made of principles."""

    @property
    def principles(self) -> Mapping[str, Any]:
        """By name; each has a weight."""

    def kept(self, reply: Reply) -> Mapping[str, bool]:
        """By principle, whether a reply keeps it. What can't be said is left out."""


@dataclass(frozen=True, kw_only=True)
class ByPrinciples(OfWrittenPairs):
    """Options of ratings by principles."""

    rater: ClassVar[str]

    judge: Reward
    """A reward that is made of principles."""
    by: Literal["drawn", "all"] = "drawn"
    """What decides a pair: one principle that is drawn, or all by their weights."""

    def __post_init__(self) -> None:
        super().__post_init__()
        is_of_principles = isinstance(self.judge, OfPrinciples)
        check_option(self, "judge", is_of_principles, "a reward that is made of principles, as rewards=[constitution]")

    @abstractmethod
    def probabilities(self, pairs: Sequence[Pair], orders: Sequence[Sequence[str]]) -> Sequence[float]:
        """For each pair the probability that a is better. orders: for each the principles' names as they were drawn."""

    def rate(self, pairs: Sequence[Pair], material: Material) -> tuple[list[Rating], dict[str, Gold]]:
        """Nothing is known of how good a reply really is: principles are all there is."""
        orders = [self._drawn(pair, material.seed) for pair in pairs]
        probabilities = self.probabilities(pairs, orders)
        return [self._rating(pair, p, material.seed) for pair, p in zip(pairs, probabilities, strict=True)], {}

    def _rating(self, pair: Pair, p: float, seed: int) -> Rating:
        choice: Choice = "tie" if p == 0.5 else "a" if p > 0.5 else "b"
        first: Side = "a" if _rng("shown first", seed, pair).random() < 0.5 else "b"
        return Rating(pair, first, self.rater, choice, p, time="")

    def _drawn(self, pair: Pair, seed: int) -> list[str]:
        """The principles in the order in which they decide, drawn by their weights."""
        weights = self.weights
        names = sorted(weights)
        shares = np.array([weights[name] for name in names]) / sum(weights.values())
        order = _rng("principles", seed, pair).choice(len(names), len(names), replace=False, p=shares)
        return [names[index] for index in order]

    @property
    def weights(self) -> Mapping[str, float]:
        """Of each principle, by name."""
        assert isinstance(self.judge, OfPrinciples)
        return {name: principle.weight for name, principle in self.judge.principles.items()}


def _rng(what: str, seed: int, pair: Pair) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed_of(f"constitution: {what}", seed, pair.id)))
