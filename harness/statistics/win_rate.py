"""How often a sample of one model is better than the same sample of another one, and how often it would be if both were
as long.

Longer replies often win by their length alone. So wins are also fitted by logit P(win) = a + b (difference of lengths),
and sigma(a) is the win rate at equal length, as in length-controlled comparisons (Dubois et al. 2024).

Shape legend: S seeds, N samples.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.statistics.arrays import Clusters, Floats
from harness.statistics.derived import mean_of_seeds
from harness.statistics.estimate import Estimate
from harness.statistics.intervals import Strata, over_seeds
from harness.statistics.leave_one_out import jackknife

_ROUNDS, _FAR = 50, 30.0
_NO_VALUE = "nearly every sample is won, or lost, by the longer one: no win rate at equal length"


def wins(first: Floats, second: Floats) -> Floats:
    """1 where the first is higher, 0 where the second is, 1/2 for a tie; NaN where one is missing."""
    won: Floats = (1 + np.sign(first - second)) / 2
    return won


def win_rate(won: Floats, clusters: Clusters, strata: Strata | None = None, seeds_vary: bool = True) -> Estimate:
    """The mean of wins, (S, N), with an interval over seeds, clusters and samples."""
    return over_seeds(list(won), clusters, strata=strata, seeds_vary=seeds_vary)


def at_equal_length(won: Floats, longer: Floats, clusters: Sequence[str]) -> Estimate:
    """The win rate where both are of the same length: the mean over seeds, whose intervals are the jackknife's over
    clusters. won, longer (by how much the first is): (S, N)."""
    seeds = []
    for wins_of_seed, longer_of_seed in zip(won, longer, strict=True):
        known = np.isfinite(wins_of_seed) & np.isfinite(longer_of_seed)
        samples = list(zip(wins_of_seed[known], longer_of_seed[known], strict=True))
        of_samples = [cluster for cluster, is_known in zip(clusters, known, strict=True) if is_known]
        seeds.append(jackknife(_at_zero, samples, of_samples, _NO_VALUE, (0.0, 1.0)))
    if len(seeds) == 1 or any(seed.value is None for seed in seeds):
        return next((seed for seed in seeds if seed.value is None), seeds[0])
    return mean_of_seeds(seeds)


def _at_zero(samples: Sequence[tuple[float, float]]) -> float | None:
    """sigma(a) of the logistic regression of wins on the difference of lengths, by Newton's method; None where it has
    no finite solution."""
    if not samples:
        return None
    won, longer = np.array(samples, dtype=np.float64).T
    scale = float(longer.std()) or 1.0
    design = np.stack([np.ones(len(longer)), longer / scale], axis=1)
    if not longer.std():
        design = design[:, :1]
    weights = np.zeros(design.shape[1])
    for _ in range(_ROUNDS):
        p = 1 / (1 + np.exp(-design @ weights))
        curvature = (design * (p * (1 - p))[:, None]).T @ design
        if not np.isfinite(curvature).all() or np.linalg.cond(curvature) > 1e12:
            return None
        step = np.linalg.solve(curvature, design.T @ (won - p))
        weights = weights + step
        if np.abs(weights).max() > _FAR:
            return None
        if np.abs(step).max() < 1e-10:
            break
    return float(1 / (1 + np.exp(-weights[0])))
