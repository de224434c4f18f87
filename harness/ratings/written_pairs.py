"""Ratings of pairs that the fit before a stage writes: a bank that is made once, and found again. Needs no torch."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from harness.common.options import check_least
from harness.completion.reward import Material
from harness.config.identity import content_hash, identity
from harness.ratings.bank import Bank, Gold
from harness.ratings.rating import Pair, Rating, Written
from harness.ratings.source import RatingsSource

_FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class OfWrittenPairs(RatingsSource):
    """Options of ratings that a program makes."""

    num_pairs: int = 2000
    """Pairs that are written and rated."""

    def __post_init__(self) -> None:
        check_least(self, num_pairs=10)

    @abstractmethod
    def rate(self, pairs: Sequence[Pair], material: Material) -> tuple[list[Rating], dict[str, Gold]]:
        """What the rater says of pairs, and by pair how good the replies are where that is known."""

    def bank(self, material: Material) -> Bank:
        """Addressed by these options, and by who writes what: stages after the same fit share it."""
        name = content_hash({"format": _FORMAT, "ratings": identity(self), "writer": material.writer_id})
        bank = Bank(material.results.bank(name))
        if not bank.exists:
            material.say(f"{self.num_pairs:,} pairs of replies are written and rated (ratings {name})")
            started = time.perf_counter()
            pairs, cost = self._pairs(material)
            ratings, known = self.rate(pairs, material)
            spent = {**cost, "ratings": len(ratings), "seconds": time.perf_counter() - started}
            bank.write(ratings, known, {"ratings": identity(self), "writer": material.fit_id, "spent": spent})
        return bank

    def _pairs(self, material: Material) -> tuple[list[Pair], dict[str, float]]:
        """Different pairs of replies, and what writing them cost."""
        written, cost = material.write_pairs(self.num_pairs)
        pairs = [
            Pair(one.prompt.text, cluster, *(Written.of(reply.completion, material.fit_id) for reply in (one, other)))
            for cluster, one, other in written
        ]
        unique = {pair.id: pair for pair in pairs}
        return list(unique.values()), dict(cost)
