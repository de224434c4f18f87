"""Two systems over the same samples: the difference, its interval and its p-values.

Two questions are told apart. *These two fits*: would the difference hold on other test samples? *The families*: would
it also hold for other seeds? Only the second says that one family is better; it takes three seeds of each side whose
fit depends on the seed (Colas et al. 2018).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.statistics.arrays import (
    Clusters,
    Floats,
    Values,
    cluster_codes,
    cluster_sums,
    floats,
    refusal,
    seed_matrix,
)
from harness.statistics.estimate import FEWEST_CLUSTERS, Estimate, no_interval
from harness.statistics.intervals import Strata
from harness.statistics.multiple import Tests
from harness.statistics.resampling import NUM_FLIPS, signs
from harness.statistics.spread import Spread, Uncertainty, Variance, over_clusters, spread, strata_of_clusters

POWER = 0.8
FEWEST_SEEDS = 3
"""A family whose fit depends on the seed needs this many before anything is said of it."""


@dataclass(frozen=True)
class PairedDifference:
    """How two models differ over the same samples."""

    difference: Estimate
    """First minus second, with its 95 % interval."""
    is_about_families: bool
    """Whether interval and `p_value` speak of the families, with other seeds; else of these fits alone."""
    p_value: float | None
    """Two-sided, from Student's t; below 0.05 exactly where the interval leaves 0 out. None where there is no interval.
    """
    p_value_these_fits: float | None
    """Two-sided, from the sign-flip permutation test over clusters: of these fits, on other test samples. None where no
    sample was measured in both."""
    smallest_detectable_difference: float | None
    """The difference detected with 80 % power at the 5 % level; None where there is no interval."""
    probability_first_is_higher: float | None
    """How often a seed of the first has a higher value than a seed of the second; ties count half. None with one seed
    of each."""
    num_clusters: int


def paired(
    a: Values | Sequence[Values],
    b: Values | Sequence[Values],
    clusters: Clusters | None = None,
    denominators: Values | None = None,
    scale: float = 1.0,
    strata: Strata | None = None,
    seeds_vary: tuple[bool, bool] = (True, True),
) -> PairedDifference:
    """How a and b differ (a minus b) over the same samples.

    a, b: (N,) values, or one row of (N,) values a seed (the numbers of seeds may differ). With `denominators` (N,),
    common to both, the difference is scale * sum(a - b) / sum(denominators), as in bits per byte; else the mean
    difference. A sample counts where every row has a value. strata: the source of each sample (spread.py). seeds_vary:
    whether the fits of a and of b depend on the seed.
    """
    return paired_all([a, b], clusters, denominators, scale, strata, seeds_vary)[0][0, 1]


def paired_all(
    models: Sequence[Values | Sequence[Values]],
    clusters: Clusters | None = None,
    denominators: Values | None = None,
    scale: float = 1.0,
    strata: Strata | None = None,
    seeds_vary: Sequence[bool] | None = None,
    same_fits: bool = False,
) -> tuple[dict[tuple[int, int], PairedDifference], Tests]:
    """`paired` for every two of the models: (i, j), i < j, to the difference of i minus j; and what a correction for so
    many comparisons needs (harness/statistics/multiple.py)."""
    matrices = [seed_matrix(model) for model in models]
    num_samples = matrices[0].shape[1]
    for matrix in matrices:
        if matrix.shape[1] != num_samples:
            raise ValueError(f"{num_samples} and {matrix.shape[1]} samples: pairs need the same samples.")
    weights = np.ones(num_samples) if denominators is None else floats(denominators)
    if len(weights) != num_samples:
        raise ValueError(f"{num_samples} pairs and {len(weights)} denominators: each pair needs one.")
    sides = _Sides(matrices, weights, cluster_codes(clusters, num_samples), strata, scale, seeds_vary, same_fits)
    pairs = list(itertools.combinations(range(len(models)), 2))
    differences = {pair: sides.difference(*pair) for pair in pairs}
    p_values = {pair: difference.p_value for pair, difference in differences.items() if difference.p_value is not None}
    return differences, sides.tests(p_values)


class _Sides:
    """The models that are compared."""

    def __init__(
        self,
        matrices: Sequence[Floats],
        weights: Floats,
        codes: NDArray[np.int64],
        strata: Strata | None,
        scale: float,
        seeds_vary: Sequence[bool] | None,
        same_fits: bool,
    ) -> None:
        self._matrices, self._weights, self._codes, self._scale = matrices, weights, codes, scale
        self._strata = None if strata is None else np.array([hash(stratum) for stratum in strata])
        self._seeds_vary, self._same_fits = seeds_vary or [True] * len(matrices), same_fits
        self._is_present = [~np.isnan(matrix).any(axis=0) & ~np.isnan(weights) for matrix in matrices]
        self._spreads: dict[tuple[int, bytes], Spread] = {}

    def difference(self, i: int, j: int) -> PairedDifference:
        """i minus j."""
        used = self._is_present[i] & self._is_present[j]
        n, n_total = int(used.sum()), len(used)
        sides = [self._matrices[side][:, used] for side in (i, j)]
        why_not = refusal(
            np.concatenate([side.ravel() for side in sides]), n, n_total, "no sample was measured in both"
        )
        if why_not or not self._weights[used].sum():
            reason = why_not or "the denominators add up to 0"
            return self._undecided(i, j, Estimate(None, n, n_total, reason=reason), None, 0)
        codes = cluster_codes(self._codes[used], n)
        apart = sides[0].mean(axis=0) - sides[1].mean(axis=0)
        p_of_fits = _sign_flip_p_value(cluster_sums(codes, apart))
        value = float(self._scale * apart.sum() / self._weights[used].sum())
        num_clusters = int(codes.max()) + 1
        of_clusters = self._strata_of(codes, used)
        no_test = no_interval(n, num_clusters) if apart.any() else "every pair is equal: no interval"
        if no_test:
            return self._undecided(i, j, Estimate(value, n, n_total, reason=no_test), p_of_fits, num_clusters)
        first, second = (self._spread(side, used, codes, of_clusters) for side in (i, j))
        uncertainty = Uncertainty(over_clusters(first.of_clusters - second.of_clusters, of_clusters))
        if not uncertainty.clusters.total:
            reason = "every cluster differs by the same: no interval"
            return self._undecided(i, j, Estimate(value, n, n_total, reason=reason), p_of_fits, num_clusters)
        if is_about_families := self._is_about_families(i, j):
            uncertainty = Uncertainty(uncertainty.clusters, self._over_seeds(i, j, used, codes, of_clusters))
        half_width = uncertainty.half_width
        ends = (value - half_width, value + half_width)
        estimate = Estimate(value, n, n_total, uncertainty.stderr, *ends, df=uncertainty.df)
        return PairedDifference(
            estimate,
            is_about_families,
            uncertainty.p_of(value),
            p_of_fits,
            uncertainty.detectable(POWER),
            _probability_higher(first.per_seed, second.per_seed),
            num_clusters,
        )

    def tests(self, p_values: Mapping[tuple[int, int], float]) -> Tests:
        """What a correction of these p-values needs, from the samples that all of their models have."""
        present = sorted({side for pair in p_values for side in pair})
        used = np.logical_and.reduce([self._is_present[side] for side in present]) if present else np.zeros(1, bool)
        num_models = len(self._matrices)
        if not used.any() or not self._weights[used].sum():
            nothing = np.zeros(num_models)
            return Tests({}, nothing[:, None], nothing, nothing, nothing, 0.0)
        codes = cluster_codes(self._codes[used], int(used.sum()))
        of_clusters = self._strata_of(codes, used)
        effects, values = np.zeros((num_models, len(of_clusters))), np.zeros(num_models)
        of_seeds, df_of_seeds = np.zeros(num_models), np.ones(num_models)
        for side in present:
            varies = self._spread(side, used, codes, of_clusters)
            effects[side], values[side] = varies.of_clusters, varies.value
            if self._seeds_vary[side] and not self._same_fits:
                of_seeds[side], df_of_seeds[side] = varies.over_seeds().total, max(1, len(varies.per_seed) - 1)
        df = float(len(of_clusters) - len(np.unique(of_clusters)))
        return Tests(p_values, effects, values, of_seeds, df_of_seeds, df)

    def _strata_of(self, codes: NDArray[np.int64], used: NDArray[np.bool_]) -> NDArray[np.int64]:
        return strata_of_clusters(codes, None if self._strata is None else self._strata[used].tolist())

    def _spread(
        self, side: int, used: NDArray[np.bool_], codes: NDArray[np.int64], strata: NDArray[np.int64]
    ) -> Spread:
        key = side, used.tobytes()
        if key not in self._spreads:
            tops = self._matrices[side][:, used]
            bottoms = np.broadcast_to(self._weights[used], tops.shape)
            self._spreads[key] = spread(tops, bottoms, codes, strata, self._scale)
        return self._spreads[key]

    def _over_seeds(
        self, i: int, j: int, used: NDArray[np.bool_], codes: NDArray[np.int64], strata: NDArray[np.int64]
    ) -> Variance:
        """What other seeds would change of the difference of i and j."""
        if not self._same_fits:
            return sum((self._spread(side, used, codes, strata).over_seeds() for side in (i, j)), Variance())
        apart = self._matrices[i][:, used] - self._matrices[j][:, used]
        return spread(apart, np.broadcast_to(self._weights[used], apart.shape), codes, strata, self._scale).over_seeds()

    def _is_about_families(self, i: int, j: int) -> bool:
        return all(not self._seeds_vary[side] or len(self._matrices[side]) >= FEWEST_SEEDS for side in (i, j))

    def _undecided(
        self, i: int, j: int, estimate: Estimate, p_value_these_fits: float | None, num_clusters: int
    ) -> PairedDifference:
        about = self._is_about_families(i, j)
        return PairedDifference(estimate, about, None, p_value_these_fits, None, None, num_clusters)


def can_be_significant(num_clusters: int) -> bool:
    """Whether any outcome could be significant."""
    return num_clusters >= FEWEST_CLUSTERS


def _probability_higher(first: Floats, second: Floats) -> float | None:
    if len(first) == len(second) == 1:
        return None
    apart = first[:, None] - second
    return float((apart > 0).mean() + (apart == 0).mean() / 2)


def _sign_flip_p_value(sums: Floats) -> float:
    """Two-sided p of clusters' differences (K,) under flips of their signs (Fisher 1935): all 2^K ways where that is no
    more than 10,000, else 10,000 at random.

    Flips that equal the observed sum up to rounding count as ties.
    """
    threshold = np.abs(sums.sum()) - 1e-12 * max(1.0, float(np.abs(sums).sum()))
    num_clusters = len(sums)
    exact = 2.0**num_clusters <= NUM_FLIPS
    extreme = sum(int((np.abs(rows @ sums) >= threshold).sum()) for rows in signs(num_clusters, exact))
    return float(extreme / 2**num_clusters if exact else (extreme + 1) / (NUM_FLIPS + 1))
