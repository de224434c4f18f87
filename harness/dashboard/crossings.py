"""Mean curves over seeds, and where two of them cross."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Curve = tuple[Floats, Floats]
"""x, ascending, and y."""


@dataclass(frozen=True)
class Mean:
    """A curve over seeds."""

    x: Floats
    y: Floats
    low: Floats
    high: Floats
    """The least and the most of the seeds."""


@dataclass(frozen=True)
class Crossing:
    """Where a curve falls below another one for good."""

    at: float
    low: float
    high: float
    """The range over pairs of seeds."""
    num_crossed: int
    num_pairs: int
    """How many pairs of seeds cross, of how many."""


def mean_curve(seeds: Sequence[Curve]) -> Mean:
    """The mean of several seeds' curves: at all x that lie in all of them, between their points along straight
    lines."""
    x = _common(seeds)
    values = np.stack([np.interp(x, *seed) for seed in seeds])
    return Mean(x, values.mean(axis=0), values.min(axis=0), values.max(axis=0))


def _common(curves: Sequence[Curve]) -> Floats:
    """All x that lie in every curve."""
    first, last = max(x[0] for x, _ in curves), min(x[-1] for x, _ in curves)
    x = np.unique(np.concatenate([curve_x for curve_x, _ in curves]))
    inside: Floats = x[(x >= first) & (x <= last)]
    return inside


def last_crossing(first: Curve, second: Curve) -> float | None:
    """The last x where the first curve comes to lie below the second; None where there is none."""
    x = _common([first, second])
    if len(x) < 2:
        return None
    apart = np.interp(x, *first) - np.interp(x, *second)
    falls = np.flatnonzero((apart[:-1] > 0) & (apart[1:] <= 0))
    if not len(falls) or apart[-1] > 0:
        return None
    at = falls[-1]
    share = apart[at] / (apart[at] - apart[at + 1])
    return float(x[at] + share * (x[at + 1] - x[at]))


def crossing(first: Sequence[Curve], second: Sequence[Curve]) -> Crossing | None:
    """Where the mean of the first seeds falls below that of the second for good; None where it doesn't."""
    means = [mean_curve(seeds) for seeds in (first, second)]
    if any(len(mean.x) < 2 for mean in means):
        return None
    at = last_crossing((means[0].x, means[0].y), (means[1].x, means[1].y))
    if at is None:
        return None
    crossings = [last_crossing(lower, upper) for lower, upper in itertools.product(first, second)]
    known = [at for at in crossings if at is not None]
    return Crossing(at, min(known, default=at), max(known, default=at), len(known), len(crossings))
