"""Where two curves over a budget cross, with an interval: the budgets at which their difference may be 0.

Between measured budgets the difference is a natural cubic spline over the budget's logarithm: straight lines would miss
the crossing of curves as bent as power laws by more than the interval of a large test. At each budget the difference
has a 95 % interval as in a comparison at that budget alone, from clusters and seeds (spread.py). Where 0 lies inside
between a stretch where the one is significantly better and a stretch where the other is, there is a crossing, and these
budgets are its interval (Fieller's principle: a test is inverted). What seeds change is pooled over the budgets. How
often the interval holds the truth: tests/harness/statistics/test_crossing.py. Needs no torch.

Shapes: B budgets, G places on a grid, S seeds, K clusters, T strata.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.statistics.arrays import Floats
from harness.statistics.estimate import CONFIDENCE
from harness.statistics.spread import Spread, Variance, t_quantile

_UPPER = 0.5 + CONFIDENCE / 2
_PLACES_BETWEEN = 100


@dataclass(frozen=True)
class Crossing:
    """One crossing of two curves."""

    place: float
    """Where the measured difference is 0."""
    low: float
    """The ends of its 95 % interval."""
    high: float
    first_is_higher_below: bool
    """Whether the first has the higher value at smaller budgets."""


@dataclass(frozen=True)
class Crossings:
    """All crossings in the range measured."""

    found: tuple[Crossing, ...]
    is_undecided: bool
    """Whether the measured difference changes its sign elsewhere, and is not significant on both sides."""


def crossings(
    budgets: Sequence[float],
    first: Sequence[Spread],
    second: Sequence[Spread],
    seeds_vary: tuple[bool, bool] = (True, True),
    of_one_fit: bool = False,
) -> Crossings:
    """Of two curves that were measured at the same budgets (B), which rise, on the same clusters of samples; three
    budgets or more show a curve.

    of_one_fit: whether a seed's values at all budgets are of one fit, as along a learning curve; else each budget has
    fits of its own. A curve whose fits vary with the seed needs two seeds or more.
    """
    logs = np.log(np.asarray(budgets, dtype=np.float64))
    apart = np.array([a.value - b.value for a, b in zip(first, second, strict=True)])
    effects = np.stack([a.of_clusters - b.of_clusters for a, b in zip(first, second, strict=True)])  # (B, K)
    places, weights = _weights(logs)
    difference = weights @ apart
    of_clusters = _over_clusters(weights @ effects, first[0].strata)
    of_seeds = sum(
        (_over_seeds(curve, of_one_fit) for curve, vary in zip((first, second), seeds_vary, strict=True) if vary),
        Variance(),
    )
    shares = 1.0 if of_one_fit else (weights**2).sum(axis=1)  # independent fits on both sides of a place
    squares = of_clusters + t_quantile(_UPPER, of_seeds.df) ** 2 * of_seeds.total * shares
    signs = np.where(np.abs(difference) > np.sqrt(squares), np.sign(difference), 0.0)
    return _between_signs(np.exp(places), difference, signs)


def _weights(logs: Floats) -> tuple[Floats, Floats]:
    """(G,) places as logarithms; (G, B) how much each measured budget counts at each: a natural cubic spline."""
    from scipy.interpolate import CubicSpline  # only where it is needed: settings are checked without scipy

    num_places = (len(logs) - 1) * _PLACES_BETWEEN + 1
    places: Floats = np.interp(np.linspace(0, len(logs) - 1, num_places), np.arange(len(logs)), logs)
    weights: Floats = CubicSpline(logs, np.eye(len(logs)), bc_type="natural")(places)
    return places, weights


def _over_clusters(effects: Floats, strata: NDArray[np.int64]) -> Floats:
    """(G,) the squared half width over clusters, from their effects (G, K)."""
    from scipy.special import stdtrit  # only where it is needed: settings are checked without scipy

    if not strata.size:
        return np.zeros(len(effects))
    parts = effects**2 @ np.eye(int(strata.max()) + 1)[strata]  # (G, T)
    total = parts.sum(axis=1)
    with np.errstate(invalid="ignore"):
        df = total**2 / (parts**2 / (np.bincount(strata) - 1)).sum(axis=1)
    half_widths: Floats = stdtrit(np.nan_to_num(df, nan=1.0), _UPPER) ** 2 * total
    return half_widths


def _over_seeds(curve: Sequence[Spread], of_one_fit: bool) -> Variance:
    """What other seeds change of a curve at one budget, pooled over the budgets."""
    parts = [point.per_seed.var(ddof=1) / len(point.per_seed) - point.interaction() for point in curve]
    dfs = [len(point.per_seed) - 1.0 for point in curve]
    return Variance(((max(0.0, float(np.mean(parts))), min(dfs) if of_one_fit else sum(dfs)),))


def _between_signs(places: Floats, difference: Floats, signs: Floats) -> Crossings:
    """The stretches without a significant sign between two of opposite signs."""
    known = np.flatnonzero(signs)
    found = [
        Crossing(
            _zero(places, difference, here, there), float(places[here]), float(places[there]), bool(signs[here] > 0)
        )
        for here, there in itertools.pairwise(known.tolist())
        if signs[here] != signs[there]
    ]
    changes = (np.diff(np.sign(difference[difference != 0])) != 0).sum()
    return Crossings(tuple(found), changes > 0 and not found)


def _zero(places: Floats, difference: Floats, here: int, there: int) -> float:
    """Where the difference is 0 between two places: of several such, in the middle one."""
    between = difference[here : there + 1]
    changes = np.flatnonzero(np.sign(between[:-1]) != np.sign(between[1:]))
    place = here + int(changes[len(changes) // 2])
    share = difference[place] / (difference[place] - difference[place + 1])
    low, high = math.log(places[place]), math.log(places[place + 1])
    return math.exp(low + share * (high - low))
