"""Two systems over the same samples: the difference, its interval and its p-value."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

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
from harness.statistics.estimate import CONFIDENCE, Estimate, Z, caution
from harness.statistics.intervals import crossed_resamples, percentile_interval, ratio
from harness.statistics.resampling import NUM_FLIPS, signs

POWER = 0.8


@dataclass(frozen=True)
class PairedDifference:
    """How two models differ over the same samples."""

    difference: Estimate
    """First minus second, with its 95 % interval."""
    p_value: float | None
    """Two-sided, from the sign-flip permutation test. None where no sample was measured in both."""
    smallest_detectable_difference: float | None
    """The difference detected with 80 % power at the 5 % level; None where every pair is equal."""
    num_clusters: int


def paired(
    a: Values | Sequence[Values],
    b: Values | Sequence[Values],
    clusters: Clusters | None = None,
    denominators: Values | None = None,
    scale: float = 1.0,
) -> PairedDifference:
    """How a and b differ (a minus b) over the same samples: 95 % interval, p-value, smallest detectable difference.

    a, b: (N,) values, or one row of (N,) values a seed (the numbers of seeds may differ). With `denominators` (N,),
    common to both, the difference is scale * sum(a - b) / sum(denominators), as in bits per byte; else the mean
    difference. A sample counts where every row has a value.
    Interval: bootstrap over clusters, and over seeds where there are several. p: signs of the clusters' differences
    flipped, all 2^K ways where that is no more than 10,000, else 10,000 at random. The p-value is about these trained
    models on other test samples.
    """
    estimate, sums = _difference(seed_matrix(a), seed_matrix(b), clusters, denominators, scale)
    return _with_p_values([(estimate, sums)])[0]


def paired_all(
    models: Sequence[Values | Sequence[Values]],
    clusters: Clusters | None = None,
    denominators: Values | None = None,
    scale: float = 1.0,
) -> dict[tuple[int, int], PairedDifference]:
    """`paired` for every two of the models: (i, j), i < j, to the difference of i minus j. The same numbers, faster."""
    matrices = [seed_matrix(model) for model in models]
    pairs = list(itertools.combinations(range(len(models)), 2))
    differences = [_difference(matrices[i], matrices[j], clusters, denominators, scale) for i, j in pairs]
    return dict(zip(pairs, _with_p_values(differences), strict=True))


def _difference(
    first: Floats, second: Floats, clusters: Clusters | None, denominators: Values | None, scale: float
) -> tuple[Estimate, Floats]:
    """(first minus second with its interval, the differences of the clusters (K,), for the sign-flip test)."""
    num_samples = first.shape[1]
    if second.shape[1] != num_samples:
        raise ValueError(f"a has {num_samples} samples, b {second.shape[1]}: pairs need the same samples.")
    weights = np.ones(num_samples) if denominators is None else floats(denominators)
    if len(weights) != num_samples:
        raise ValueError(f"{num_samples} pairs and {len(weights)} denominators: each pair needs one.")
    codes = cluster_codes(clusters, num_samples)
    used = ~(np.isnan(first).any(axis=0) | np.isnan(second).any(axis=0) | np.isnan(weights))
    n = int(used.sum())
    both = np.concatenate([first[:, used].ravel(), second[:, used].ravel()])
    why_not = refusal(both, n, num_samples, "no sample was measured in both")
    if why_not or not weights[used].sum():
        return Estimate(None, n, num_samples, reason=why_not or "the denominators add up to 0"), np.empty(0)
    first, second, weights, codes = first[:, used], second[:, used], weights[used], cluster_codes(codes[used], n)
    differences = first.mean(axis=0) - second.mean(axis=0)
    sums = cluster_sums(codes, differences)
    if not differences.any():
        # Resampling zeros would give an interval of width 0.
        estimate = Estimate(0.0, n, num_samples, reason="every pair is equal: no interval")
    elif len(sums) > 1 and (len(first) > 1 or len(second) > 1):
        value = float(scale * differences.sum() / weights.sum())
        both_sides = [(side, np.broadcast_to(weights, side.shape)) for side in (first, second)]
        drawn = crossed_resamples(both_sides, codes, scale)
        drawn_differences = drawn[:, 0] - drawn[:, 1]
        spread = float(np.nanstd(drawn_differences, ddof=1))
        interval = percentile_interval(drawn_differences)
        estimate = Estimate(value, n, num_samples, spread, *interval, reason=caution(len(sums)))
    else:
        estimate = replace(ratio(differences, weights, codes, scale, shares=False), n_total=num_samples)
    return estimate, sums


def _with_p_values(differences: Sequence[tuple[Estimate, Floats]]) -> list[PairedDifference]:
    """Each comparison with its p-value; those over the same number of clusters share their flips."""
    p_values: dict[int, float] = {}
    for num_clusters in {len(sums) for _, sums in differences} - {0}:
        indices = [index for index, (_, sums) in enumerate(differences) if len(sums) == num_clusters]
        shared = _sign_flip_p_values(np.stack([differences[index][1] for index in indices], axis=1))
        p_values |= dict(zip(indices, shared, strict=True))
    return [
        PairedDifference(
            estimate,
            p_values.get(index),
            (Z + NormalDist().inv_cdf(POWER)) * estimate.stderr if estimate.stderr else None,
            len(sums),
        )
        for index, (estimate, sums) in enumerate(differences)
    ]


def can_be_significant(num_clusters: int) -> bool:
    """Whether any outcome could be significant: with K clusters a sign-flip test has no p below 2 / 2^K."""
    return 2.0 ** (1 - num_clusters) < 1 - CONFIDENCE


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """p-values corrected for multiple comparisons (Holm 1979), in the same order; None stays None and isn't counted."""
    ascending = sorted((p, index) for index, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, index) in enumerate(ascending):
        largest = max(largest, min(1.0, p * (len(ascending) - rank)))
        corrected[index] = largest
    return corrected


def _sign_flip_p_values(sums: Floats) -> list[float]:
    """Two-sided p of each column of clusters' differences (K, pairs) under flips of their signs.

    Flips that equal the observed sum up to rounding count as ties.
    """
    thresholds = np.abs(sums.sum(axis=0)) - 1e-12 * np.maximum(1.0, np.abs(sums).sum(axis=0))
    num_clusters = len(sums)
    exact = 2.0**num_clusters <= NUM_FLIPS
    extreme = sum((np.abs(rows @ sums) >= thresholds).sum(axis=0) for rows in signs(num_clusters, exact))
    p_values = extreme / 2**num_clusters if exact else (extreme + 1) / (NUM_FLIPS + 1)
    return [float(p) for p in p_values]
