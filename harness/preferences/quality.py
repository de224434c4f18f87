"""How well ratings are predicted: accuracy, Brier score, log loss and calibration, with intervals over conversations.

Needs no torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.ratings.rating import Rating
from harness.statistics.arrays import Floats
from harness.statistics.estimate import Estimate
from harness.statistics.intervals import mean

_MOST_BINS, _FEWEST_IN_A_BIN = 10, 100
_LEAST_P = 1e-12


@dataclass(frozen=True)
class Quality:
    """Of predicted probabilities."""

    accuracy: Estimate
    """The share of ratings that aren't ties whose better reply was the likelier one; where both were as likely,
    half."""
    brier: Estimate
    """The mean squared error (Brier 1950)."""
    log_loss: Estimate
    """Nats a rating."""
    ece: float
    """The expected calibration error (Naeini et al. 2015), of bins of equal size: by how much the predictions are off,
    on average. It is above 0 by chance alone: by about 0.03 with 400 ratings."""
    calibration: Sequence[tuple[float, float, int]]
    """Of each of these bins: the mean prediction, the mean of what was said, and how many there are."""

    def facts(self, prefix: str = "") -> dict[str, Any]:
        """As plain values, the intervals too."""
        facts: dict[str, Any] = {}
        for name in ("accuracy", "brier", "log_loss"):
            estimate: Estimate = getattr(self, name)
            facts |= {
                f"{prefix}{name}": estimate.value,
                f"{prefix}{name}_low": estimate.ci_low,
                f"{prefix}{name}_high": estimate.ci_high,
            }
        return {**facts, f"{prefix}ece": self.ece, f"{prefix}calibration": [list(each) for each in self.calibration]}


def quality(predicted: Floats, ratings: Sequence[Rating]) -> Quality:
    """Of the probabilities (N,) that a is better, against what the raters said; none of them a skip."""
    said = np.array([rating.p for rating in ratings], dtype=float)
    clusters = [rating.pair.cluster for rating in ratings]
    p = np.clip(predicted, _LEAST_P, 1 - _LEAST_P)
    bins = calibration(predicted, said)
    right = np.where(predicted == 0.5, 0.5, ((predicted > 0.5) == (said > 0.5)).astype(float))
    return Quality(
        mean(np.where(said == 0.5, np.nan, right), clusters),
        mean((predicted - said) ** 2, clusters),
        mean(-said * np.log(p) - (1 - said) * np.log1p(-p), clusters),
        calibration_error(bins),
        bins,
    )


def calibration(predicted: Floats, said: Floats) -> list[tuple[float, float, int]]:
    """Of probabilities (N,) and what was said (N,), by at most 10 bins of 100 values or more, the lowest first: the
    means of both, and how many."""
    order = np.argsort(predicted, kind="stable")
    bins = np.array_split(order, max(1, min(_MOST_BINS, len(order) // _FEWEST_IN_A_BIN)))
    return [(float(predicted[each].mean()), float(said[each].mean()), len(each)) for each in bins if len(each)]


def calibration_error(bins: Sequence[tuple[float, float, int]]) -> float:
    """By how much predictions are off, on average, bin by bin."""
    off = sum(number * abs(mean_predicted - mean_said) for mean_predicted, mean_said, number in bins)
    return off / sum(number for *_, number in bins)


def predicted_by(scores_a: Floats, scores_b: Floats) -> Floats:
    """(N,): the probability that a is better."""
    odds: Floats = 1 / (1 + np.exp(np.clip(scores_b - scores_a, -700, 700)))
    return odds


def compared(facts: Mapping[str, Any]) -> str:
    """A line for the log: how good a preference model is, beside what is possible."""
    if facts["accuracy"] is None:
        return f"all {facts['held_out']:,} ratings that it didn't learn from are ties"
    rater = (
        f", the rater's own probabilities in {100 * facts['bayes_accuracy']:.1f} %"
        if facts.get("bayes_accuracy")
        else ""
    )
    longer = (
        "" if facts["longer_wins"] is None else f", who picks the longer reply in {100 * facts['longer_wins']:.1f} %"
    )
    low = facts["accuracy_low"]
    doubt = "" if low is not None and low > 0.5 else ". It isn't shown to be better than a coin: get more ratings"
    held_out = f"{facts['held_out']:,} ratings that it didn't learn from"
    return f"it is right in {100 * facts['accuracy']:.1f} % of {held_out}{rater}{longer}{doubt}"
