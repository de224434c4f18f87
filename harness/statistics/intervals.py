"""Estimates with their uncertainty. Two models over the same samples: paired_difference.py.

Missing is never zero: None and NaN are left out of `n` and counted in `n_total`; where no value is left, the estimate
has only a reason. The same numbers give the same result in any order of calls. Needs no torch.

A *cluster* is drawn as a whole: samples of one document are alike, so an interval that treats them as independent is
too narrow. A *stratum* holds the clusters of one source, whose share of the samples is a choice and no luck. Methods:
means and ratios by the jackknife over clusters within strata, with Student's t, and over seeds (spread.py); shares by
Wilson (1927) at the effective sample size (Korn & Graubard 1998); quantiles by the percentile bootstrap over clusters
(Efron 1979). No interval is given from fewer than five clusters. How often the intervals cover:
tests/harness/statistics/test_coverage.py. Wilson is five lines here, tested to equal statsmodels', whose import takes
1.4 s and fails where torch can't be imported, as in the tests which hold that a report needs no torch.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import replace

import numpy as np

from harness.statistics.arrays import Clusters, Values, cluster_codes, floats, refusal, seed_matrix
from harness.statistics.estimate import CONFIDENCE, Estimate, Z, no_interval
from harness.statistics.resampling import cluster_counts
from harness.statistics.spread import Spread, skewness, spread, strata_of_clusters

Strata = Sequence[Hashable]
"""The stratum of each sample."""

ONE_SEED = "one seed: the interval covers test samples, not training"
LOPSIDED = "a few clusters count for most of it: the interval may be too narrow"
# Of ten clusters from a normal distribution one set in thirty is called lopsided, from a lognormal one (sd 1) half.
_MOST_SKEWNESS = 0.4
# Where fewer clusters have the rarer outcome, what seeds share in them is hardly seen, so seeds add no trials.
_FEWEST_CLUSTERS_WITH_RARER = 10


def mean(values: Values, clusters: Clusters | None = None, strata: Strata | None = None) -> Estimate:
    """The mean of (N,) values with a 95 % interval over clusters (over samples where there are none).

    Shares (all values 0 or 1): Wilson at the effective sample size. Shares that are all 0 or all 1: Wilson with a
    cluster as one trial.
    """
    return over_seeds([values], clusters, strata=strata, seeds_vary=False)


def ratio_of_totals(
    numerators: Values,
    denominators: Values,
    clusters: Clusters | None = None,
    scale: float = 1.0,
    strata: Strata | None = None,
) -> Estimate:
    """scale * sum(numerators) / sum(denominators) with a 95 % interval over clusters; never a mean of ratios.

    Bits per byte: numerators in nats, denominators in bytes, scale = 1 / ln 2. Samples that lack either are left out.
    """
    if len(floats(numerators)) != len(floats(denominators)):
        raise ValueError(f"{len(numerators)} numerators and {len(denominators)} denominators: each sample needs both.")
    return over_seeds([numerators], clusters, [denominators], scale, strata, seeds_vary=False)


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
    if too_few := no_interval(n, num_clusters):
        return Estimate(value, n, n_total, reason=too_few)
    draws = []
    for counts in cluster_counts(num_clusters, row_width=n):
        ranks = np.cumsum(counts[:, ordered_codes], axis=1)  # (R, N): how many drawn values lie at or below each
        position = q * (ranks[:, -1] - 1)
        lower, upper = np.floor(position), np.ceil(position)
        low = ordered[np.argmax(ranks > lower[:, None], axis=1)]
        high = ordered[np.argmax(ranks > upper[:, None], axis=1)]
        draws.append(low + (position - lower) * (high - low))
    drawn = np.concatenate(draws)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Estimate(value, n, n_total, float(drawn.std(ddof=1)), float(low), float(high))


def over_seeds(
    values: Sequence[Values],
    clusters: Clusters | None = None,
    denominators: Sequence[Values] | None = None,
    scale: float = 1.0,
    strata: Strata | None = None,
    seeds_vary: bool = True,
) -> Estimate:
    """The mean over training seeds of a measure, with a 95 % interval that covers seeds, clusters and samples.

    values: one row of (N,) values a seed, the same samples in the same order in every row; with `denominators` (of the
    same shape) each seed's measure is scale * sum(values) / sum(denominators), else its mean. `n` counts values over
    all seeds. seeds_vary: whether another seed would give another fit; if so, one seed is a reason for doubt.
    """
    tops = seed_matrix(values)
    bottoms = np.where(np.isnan(tops), np.nan, 1.0) if denominators is None else seed_matrix(denominators)
    if tops.shape != bottoms.shape:
        raise ValueError(f"values have shape {tops.shape}, denominators {bottoms.shape}: they must be the same.")
    num_seeds, num_samples = tops.shape
    codes = cluster_codes(clusters, num_samples)
    missing = np.isnan(tops) | np.isnan(bottoms)
    n, n_total = int((~missing).sum()), tops.size
    why_not = refusal(np.concatenate([tops[~missing], bottoms[~missing]]), n, n_total)
    if why_not:
        return Estimate(None, n, n_total, reason=why_not)
    used = np.atleast_1d(~missing.all(axis=0))
    if strata is not None and len(strata) != num_samples:
        raise ValueError(f"{num_samples} values and {len(strata)} strata: each value needs one.")
    if strata is not None:
        strata = [strata[place] for place in np.flatnonzero(used).tolist()]
    codes = cluster_codes(codes[used], int(used.sum()))
    tops, bottoms = (np.where(missing, 0.0, side)[:, used] for side in (tops, bottoms))
    totals = bottoms.sum(axis=1)
    if not totals.all():
        number = int(np.argmin(totals != 0)) + 1
        reason = "the denominators add up to 0" if num_seeds == 1 else f"seed number {number} measured nothing"
        return Estimate(None, n, n_total, reason=reason)
    value = float((scale * tops.sum(axis=1) / totals).mean())
    num_clusters = int(codes.max()) + 1
    is_share = denominators is None and bool(np.isin(tops, (0.0, 1.0)).all()) and scale == 1.0
    doubts = [ONE_SEED] if seeds_vary and num_seeds == 1 else []
    if too_few := no_interval(n, num_clusters):
        return Estimate(value, n, n_total, reason="; ".join([*doubts, too_few]))
    if is_share and (value in (0.0, 1.0) or num_clusters == n):
        return _share(value, n, n_total, num_clusters, doubts)  # seeds share the clusters, so they add no trials
    of_clusters = strata_of_clusters(codes, strata)
    varies = spread(tops, bottoms, codes, of_clusters, scale)
    if is_share:
        half_width = varies.uncertainty.half_width
        rarer = tops if value <= 0.5 else bottoms - tops
        is_rare = len(np.unique(codes[rarer.any(axis=0)])) < _FEWEST_CLUSTERS_WITH_RARER
        most = n / num_seeds if is_rare else n
        trials = min(value * (1 - value) * (Z / half_width) ** 2, most) if half_width else most
        return _with_parts(_share(value, n, n_total, trials, doubts), varies)
    if abs(skewness(varies.of_clusters)) > _MOST_SKEWNESS * math.sqrt(num_clusters):
        doubts.append(LOPSIDED)
    half_width = varies.uncertainty.half_width
    ends = (value - half_width, value + half_width)
    return _with_parts(Estimate(value, n, n_total, None, *ends, "; ".join(doubts) or None), varies)


def _with_parts(estimate: Estimate, varies: Spread) -> Estimate:
    """The estimate with its standard error, and the parts of it that are the samples' and the seeds'."""
    uncertainty = varies.uncertainty
    has_seeds = len(varies.per_seed) > 1
    return replace(
        estimate,
        stderr=uncertainty.stderr,
        df=uncertainty.known_df,
        stderr_samples=math.sqrt(uncertainty.clusters.total) if has_seeds else None,
        sd_seeds=float(varies.per_seed.std(ddof=1)) if has_seeds else None,
    )


def _share(share: float, n: int, n_total: int, num_trials: float, doubts: Sequence[str]) -> Estimate:
    """The interval of Wilson (1927), for a share of so many independent trials."""
    spread_squared = Z**2 / num_trials
    centre = (share + spread_squared / 2) / (1 + spread_squared)
    half_width = math.sqrt(spread_squared * (share * (1 - share) + spread_squared / 4)) / (1 + spread_squared)
    low, high = max(0.0, centre - half_width), min(1.0, centre + half_width)
    # With all 0 or all 1 the usual standard error would be 0, which can't be right: the interval's half width instead.
    stderr = math.sqrt(share * (1 - share) / num_trials) or (high - low) / (2 * Z)
    return Estimate(share, n, n_total, stderr, low, high, "; ".join(doubts) or None)
