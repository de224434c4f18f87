"""ratings=simulated: the fit before the stage writes pairs of replies, and a program with known noise rates them.

A rater says that a is better with the probability

    p = flips / 2 + (1 - flips) sigma((u_a - u_b + length_bias (len_a - len_b) + position_bias [a shown first]) / tau)

where u is the gold utility (harness/ratings/gold.py) and [.] is 1, or -1 where b is shown first. tau follows from how
often the rater shall agree with gold. p is known, so it is known how well anyone could predict the rater: the ceiling
of every preference model. Needs no torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.common.errors import NothingToLearn
from harness.common.options import check_option
from harness.common.seeds import seed_of
from harness.completion.reward import Material
from harness.ratings.bank import Gold
from harness.ratings.gold import GoldUtility
from harness.ratings.rating import P_OF_CHOICE, Pair, Rating, Side
from harness.ratings.written_pairs import OfWrittenPairs
from harness.statistics.arrays import Floats

RATER = "simulated"
_WIDEST = 1e6


@dataclass(frozen=True, kw_only=True)
class RaterOptions:
    """How a simulated rater judges."""

    agreement: float = 0.75
    """The share of pairs in which it says what gold says, if it had no biases, of those in which gold tells the replies
    apart."""
    flips: float = 0.0
    """The share of pairs that it rates by tossing a coin."""
    length_bias: float = 0.0
    """What a character more is worth to it, in units of gold."""
    position_bias: float = 0.0
    """What it is worth to be shown first, in units of gold."""

    def __post_init__(self) -> None:
        check_option(self, "flips", 0 <= self.flips < 1, "0 up to, but not including, 1")
        most = 1 - self.flips / 2
        check_option(
            self,
            "agreement",
            0.5 < self.agreement < most,
            f"between 0.5 (it knows nothing) and {most:g}, 1 minus half of flips",
        )


@dataclass(frozen=True)
class SimulatedRater:
    """A rater whose probabilities are known."""

    options: RaterOptions
    tau: float

    @classmethod
    def agreeing(cls, options: RaterOptions, differences: Floats) -> SimulatedRater:
        """The rater that agrees with gold as often as the options say, over pairs with these differences of gold.
        UserError where they are all 0."""
        from scipy.optimize import brentq
        from scipy.special import expit

        apart = np.abs(differences[differences != 0])
        if not len(apart):
            raise NothingToLearn(
                f"gold can't tell the two replies of any of {len(differences)} pairs apart, so there is nothing to "
                "rate: a reply that is cut before it hands over is worth 0. Ask for more pairs or longer replies, or "
                "begin with a fit that has learnt to hand over, as after post=[sft]."
            )

        def excess(log_tau: float) -> float:
            agrees = options.flips / 2 + (1 - options.flips) * expit(apart / np.exp(log_tau))
            return float(agrees.mean()) - options.agreement

        least, most = np.log(apart.min() / _WIDEST), np.log(apart.max() * _WIDEST)
        return cls(options, float(np.exp(brentq(excess, least, most, xtol=1e-10))))

    def p_better(self, pair: Pair, gold_a: float, gold_b: float, shown_first: Side) -> float:
        """The probability with which it says that a is better."""
        options = self.options
        longer = len(pair.a.whole) - len(pair.b.whole)
        lead = (
            gold_a - gold_b + options.length_bias * longer + options.position_bias * (1 if shown_first == "a" else -1)
        )
        return options.flips / 2 + (1 - options.flips) / (1 + float(np.exp(np.clip(-lead / self.tau, -700, 700))))


def rated(
    pairs: Sequence[Pair], gold: GoldUtility, options: RaterOptions, seed: int
) -> tuple[list[Rating], dict[str, Gold]]:
    """What a simulated rater says of pairs, and by pair how good the replies are."""
    golds = [(gold(pair.prompt, pair.a), gold(pair.prompt, pair.b)) for pair in pairs]
    rater = SimulatedRater.agreeing(options, np.array([a - b for a, b in golds]))
    ratings, known = [], {}
    for number, (pair, (gold_a, gold_b)) in enumerate(zip(pairs, golds, strict=True)):
        rng = np.random.Generator(np.random.Philox(seed_of("simulated rater", seed, number, pair.id)))
        first: Side = "a" if rng.random() < 0.5 else "b"
        p = rater.p_better(pair, gold_a, gold_b, first)
        choice: Side = "a" if rng.random() < p else "b"
        ratings.append(Rating(pair, first, RATER, choice, P_OF_CHOICE[choice], time=""))
        known[pair.id] = Gold(gold_a, gold_b, p)
    return ratings, known


@dataclass(frozen=True, kw_only=True)
class Simulated(OfWrittenPairs):
    """Options of ratings=simulated."""

    rater: RaterOptions = RaterOptions()

    def rate(self, pairs: Sequence[Pair], material: Material) -> tuple[list[Rating], dict[str, Gold]]:
        return rated(pairs, self.gold(material), self.rater, material.seed)

    def gold(self, material: Material) -> GoldUtility:
        return GoldUtility.of(document.text for document in material.corpus.train)
