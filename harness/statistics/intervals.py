"""Estimates with their uncertainty. Two models over the same samples: paired_difference.py.

Missing is never zero: None and NaN are left out of `n` and counted in `n_total`; where no value is left, the estimate
has only a reason. Every call draws from a new generator with a fixed seed, so the same numbers give the same result in
any order of calls. Memory is bounded for any number of samples. Needs no torch.

A *cluster* is drawn as a whole: samples of one document are alike, so an interval that treats them as independent is
too narrow. Methods: Wilson (1927) for shares; the percentile bootstrap (Efron 1979) over clusters; Owen (2007), "The
pigeonhole bootstrap", for seeds crossed with samples; sign flips (Fisher 1935) for pairs; Holm (1979) for many
comparisons. Wilson and Holm are five lines each here, and tested to equal statsmodels', whose import takes 1.4 s and
fails where torch can't be imported, as in the tests which hold that a report needs no torch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from harness.statistics.arrays import (
    Clusters,
    Floats,
    Values,
    cluster_codes,
    cluster_sums,
    divided,
    floats,
    refusal,
    seed_matrix,
)
from harness.statistics.derived import from_standard_error
from harness.statistics.estimate import CONFIDENCE, Estimate, Z, caution, no_interval
from harness.statistics.resampling import GENERATOR_SEED, cluster_counts, sample_weights

# With more clusters than this the bootstrap and the normal interval agree to three digits; the latter costs nothing.
_MAX_CLUSTERS_RESAMPLED = 20_000


def mean(values: Values, clusters: Clusters | None = None) -> Estimate:
    """The mean of (N,) values with a 95 % interval.

    Shares (all values 0 or 1) of independent samples: Wilson. Anything else: percentile bootstrap over clusters (over
    samples where there are none). Shares that are all 0 or all 1 in several clusters: Wilson with a cluster as one
    trial, since resampling equal values would give an interval of width 0.
    """
    numbers = floats(values)
    return ratio(numbers, np.ones_like(numbers), clusters, 1.0)


def ratio_of_totals(
    numerators: Values, denominators: Values, clusters: Clusters | None = None, scale: float = 1.0
) -> Estimate:
    """scale * sum(numerators) / sum(denominators) with a 95 % interval over clusters; never a mean of ratios.

    Bits per byte: numerators in nats, denominators in bytes, scale = 1 / ln 2. Samples that lack either are left out.
    """
    tops, bottoms = floats(numerators), floats(denominators)
    if len(tops) != len(bottoms):
        raise ValueError(f"{len(tops)} numerators and {len(bottoms)} denominators: each sample needs both.")
    return ratio(tops, bottoms, clusters, scale)


def median(values: Values, clusters: Clusters | None = None) -> Estimate:
    """The median of (N,) values with a 95 % percentile bootstrap interval over clusters."""
    return quantile(values, 0.5, clusters)


def quantile(values: Values, q: float, clusters: Clusters | None = None) -> Estimate:
    """The q-quantile (0 <= q <= 1, linear between neighbours, as numpy's) with a 95 % bootstrap interval over
    clusters."""
    if not 0 <= q <= 1:
        raise ValueError(f"q is {q}; a quantile lies between 0 and 1.")
    numbers = floats(values)
    codes = cluster_codes(clusters, len(numbers))
    is_present = ~np.isnan(numbers)
    n, n_total = int(is_present.sum()), len(numbers)
    why_not = refusal(numbers[is_present], n, n_total)
    if why_not:
        return Estimate(None, n, n_total, reason=why_not)
    value = float(np.quantile(numbers[is_present], q))
    order = np.argsort(numbers[is_present], kind="stable")
    ordered = numbers[is_present][order]
    ordered_codes = cluster_codes(codes[is_present], n)[order]
    num_clusters = int(ordered_codes.max()) + 1
    if num_clusters == 1:
        return Estimate(value, n, n_total, reason=no_interval(n))
    draws = []
    for counts in cluster_counts(num_clusters, row_width=n):
        ranks = np.cumsum(counts[:, ordered_codes], axis=1)  # (R, N): how many drawn values lie at or below each
        position = q * (ranks[:, -1] - 1)
        lower, upper = np.floor(position), np.ceil(position)
        low = ordered[np.argmax(ranks > lower[:, None], axis=1)]
        high = ordered[np.argmax(ranks > upper[:, None], axis=1)]
        draws.append(low + (position - lower) * (high - low))
    drawn = np.concatenate(draws)
    return Estimate(
        value, n, n_total, float(drawn.std(ddof=1)), *percentile_interval(drawn), reason=caution(num_clusters)
    )


def over_seeds(
    values: Sequence[Values],
    clusters: Clusters | None = None,
    denominators: Sequence[Values] | None = None,
    scale: float = 1.0,
) -> Estimate:
    """The mean over training seeds of a measure, with a 95 % interval that covers seeds, clusters and samples.

    values: one row of (N,) values a seed, the same samples in the same order in every row; with `denominators` (of the
    same shape) each seed's measure is scale * sum(values) / sum(denominators), else its mean. `n` counts values over
    all seeds. Hierarchical bootstrap: seeds, then clusters, then samples. Seeds share their samples, so one draw of
    clusters and samples serves every seed drawn with it: separate draws would average away what the test set's choice
    does. Of S seeds S - 1 are drawn (McCarthy and Snowden 1985), which makes the bootstrap's variance of a
    mean unbiased where S is small.
    """
    tops = seed_matrix(values)
    bottoms = np.where(np.isnan(tops), np.nan, 1.0) if denominators is None else seed_matrix(denominators)
    if tops.shape != bottoms.shape:
        raise ValueError(f"values have shape {tops.shape}, denominators {bottoms.shape}: they must be the same.")
    num_seeds, num_samples = tops.shape
    if num_seeds == 1:
        single = ratio(tops[0], bottoms[0], clusters, scale)
        if single.value is None:
            return single
        reason = "; ".join(filter(None, ["one seed: the interval covers test samples, not training", single.reason]))
        return replace(single, reason=reason)
    missing = np.isnan(tops) | np.isnan(bottoms)
    n, n_total = int((~missing).sum()), tops.size
    why_not = refusal(tops[~missing], n, n_total)
    if why_not:
        return Estimate(None, n, n_total, reason=why_not)
    tops, bottoms = np.where(missing, 0.0, tops), np.where(missing, 0.0, bottoms)
    totals = bottoms.sum(axis=1)
    if not totals.all():
        return Estimate(None, n, n_total, reason=f"seed number {int(np.argmin(totals != 0)) + 1} measured nothing")
    value = float((scale * tops.sum(axis=1) / totals).mean())
    codes = cluster_codes(clusters, num_samples)
    num_clusters = int(codes.max()) + 1
    if denominators is None and scale == 1.0 and value in (0.0, 1.0) and np.isin(tops[~missing], (0.0, 1.0)).all():
        return _wilson(value, n, n_total, num_clusters)  # seeds share the clusters, so they add no trials
    drawn = crossed_resamples([(tops, bottoms)], codes, scale)[:, 0]
    spread = float(np.nanstd(drawn, ddof=1))
    return Estimate(value, n, n_total, spread, *percentile_interval(drawn), reason=caution(num_clusters))


def ratio(tops: Floats, bottoms: Floats, clusters: Clusters | None, scale: float, shares: bool = True) -> Estimate:
    """scale * sum(tops) / sum(bottoms); a mean where all bottoms are 1. `shares`: 0/1 values get a Wilson interval."""
    codes = cluster_codes(clusters, len(tops))
    is_present = ~(np.isnan(tops) | np.isnan(bottoms))
    n, n_total = int(is_present.sum()), len(tops)
    why_not = refusal(np.concatenate([tops[is_present], bottoms[is_present]]), n, n_total)
    if why_not:
        return Estimate(None, n, n_total, reason=why_not)
    tops, bottoms, codes = tops[is_present], bottoms[is_present], cluster_codes(codes[is_present], n)
    total = float(bottoms.sum())
    if total == 0:
        return Estimate(None, n, n_total, reason="the denominators add up to 0")
    value = float(scale * tops.sum() / total)
    num_clusters = int(codes.max()) + 1
    is_share = shares and scale == 1.0 and bool((bottoms == 1).all() and np.isin(tops, (0.0, 1.0)).all())
    if is_share and (num_clusters == n or value in (0.0, 1.0)):
        return _wilson(value, n, n_total, num_clusters)
    if num_clusters == 1:
        return Estimate(value, n, n_total, reason=no_interval(n))
    top_sums = cluster_sums(codes, tops)
    bottom_sums = cluster_sums(codes, bottoms)
    # The linearised (Taylor) standard error of a ratio over clusters; for singletons and a mean it is s / sqrt(n).
    residuals = scale * top_sums - value * bottom_sums
    stderr = math.sqrt(num_clusters / (num_clusters - 1) * float(residuals @ residuals)) / abs(total)
    if num_clusters > _MAX_CLUSTERS_RESAMPLED:
        return replace(from_standard_error(value, stderr, n), n_total=n_total)
    drawn = np.concatenate([divided(scale * (c @ top_sums), c @ bottom_sums) for c in cluster_counts(num_clusters)])
    return Estimate(value, n, n_total, stderr, *percentile_interval(drawn), reason=caution(num_clusters))


def _wilson(share: float, n: int, n_total: int, num_trials: int) -> Estimate:
    """The interval of Wilson (1927), for a share of so many independent trials."""
    spread = Z**2 / num_trials
    centre = (share + spread / 2) / (1 + spread)
    half_width = math.sqrt(spread * (share * (1 - share) + spread / 4)) / (1 + spread)
    low, high = max(0.0, centre - half_width), min(1.0, centre + half_width)
    # With all 0 or all 1 the usual standard error would be 0, which can't be right: the interval's half width instead.
    stderr = math.sqrt(share * (1 - share) / num_trials) or (high - low) / (2 * Z)
    return Estimate(share, n, n_total, stderr, low, high)


def crossed_resamples(sides: list[tuple[Floats, Floats]], codes: NDArray[np.int64], scale: float) -> Floats:
    """Resampled measures (NUM_RESAMPLES, sides): seeds drawn separately for each side, samples drawn once for all.

    A side is (numerators, denominators), each (S, N), missing values 0 in both.
    """
    generators = [np.random.default_rng([GENERATOR_SEED, 1, side]) for side in range(len(sides))]
    rows: list[Floats] = []
    for weights in sample_weights(codes):
        columns = []
        for (tops, bottoms), generator in zip(sides, generators, strict=True):
            measured = divided(scale * (weights @ tops.T), weights @ bottoms.T)  # (R, S)
            num_seeds = len(tops)
            picked = generator.integers(0, num_seeds, size=(len(weights), max(1, num_seeds - 1)))
            columns.append(np.take_along_axis(measured, picked, axis=1).mean(axis=1))
        rows.append(np.stack(columns, axis=1))
    return np.concatenate(rows)


def percentile_interval(drawn: Floats) -> tuple[float, float]:
    tail = (1 - CONFIDENCE) / 2
    low, high = np.nanquantile(drawn, [tail, 1 - tail])
    return float(low), float(high)
