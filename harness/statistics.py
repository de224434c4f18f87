"""Estimates with their uncertainty, and comparisons of two models over the same samples.

Promises: missing is never zero (None and NaN are left out of `n` and counted in `n_total`; nothing left gives no value
and a reason); every random draw comes from a generator with a fixed seed that starts anew in each call, so the same
numbers give the same answer in any order of calls; memory stays bounded whatever the number of samples. Needs no torch.

A *cluster* is what is drawn as one: samples of one document are alike, so an interval that takes them for independent
is too narrow. Methods: Wilson (1927) for shares; the percentile bootstrap (Efron 1979) over clusters; Owen (2007), "The
pigeonhole bootstrap", for seeds crossed with samples; sign flips (Fisher 1935) for pairs; Holm (1979) for many
comparisons. Wilson and Holm are five lines each here, and tested to equal statsmodels', whose import costs 1.4 s and
fails where torch is masked, as it is when a report proves that it needs none.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.resampling import (
    GENERATOR_SEED,
    NUM_FLIPS,
    Floats,
    cluster_counts,
    sample_weights,
    signs,
)

CONFIDENCE = 0.95
POWER = 0.8

# With more clusters than this the bootstrap and the normal interval agree to three digits; the latter costs nothing.
_MAX_CLUSTERS_RESAMPLED = 20_000
_FEW_CLUSTERS = 5
_Z = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)

Values = Sequence[float | None] | Sequence[float] | Sequence[bool] | Sequence[int] | NDArray[np.generic]
Clusters = Sequence[Hashable] | NDArray[np.generic]


@dataclass(frozen=True)
class Estimate:
    """One number with its uncertainty."""

    value: float | None
    """None where nothing could be measured; `reason` then says why."""
    n: int
    """Samples that the value rests on."""
    n_total: int
    """Samples that were asked."""
    stderr: float | None = None
    """Standard error, in the value's unit."""
    ci_low: float | None = None
    """Lower end of the 95 % interval; None where there is none (`reason` says why)."""
    ci_high: float | None = None
    reason: str | None = None
    """Why the value or the interval is missing, or what to beware of."""


@dataclass(frozen=True)
class PairedDifference:
    """How two models differ over the same samples."""

    difference: Estimate
    """First minus second, with its 95 % interval."""
    p_value: float | None
    """Two-sided, of the sign-flip permutation test: could this be chance? None where nothing was paired."""
    smallest_detectable_difference: float | None
    """The difference that this design would find 80 % of the time at the 5 % level; None where every pair is equal."""
    num_clusters: int


def mean(values: Values, clusters: Clusters | None = None) -> Estimate:
    """The mean of (N,) values with a 95 % interval.

    Shares (all values 0 or 1) of independent samples: Wilson. Anything else: percentile bootstrap over clusters (over
    samples where there are none). Shares that are all 0 or all 1 in several clusters: Wilson with a cluster as one
    trial, since resampling equal values would claim certainty.
    """
    numbers = _floats(values)
    return _ratio(numbers, np.ones_like(numbers), clusters, 1.0)


def ratio_of_totals(
    numerators: Values, denominators: Values, clusters: Clusters | None = None, scale: float = 1.0
) -> Estimate:
    """scale * sum(numerators) / sum(denominators) with a 95 % interval over clusters; never a mean of ratios.

    Bits per byte: numerators in nats, denominators in bytes, scale = 1 / ln 2. A sample counts where it has both.
    """
    tops, bottoms = _floats(numerators), _floats(denominators)
    if len(tops) != len(bottoms):
        raise ValueError(f"{len(tops)} numerators and {len(bottoms)} denominators: each sample needs both.")
    return _ratio(tops, bottoms, clusters, scale)


def median(values: Values, clusters: Clusters | None = None) -> Estimate:
    """The median of (N,) values with a 95 % percentile bootstrap interval over clusters."""
    return quantile(values, 0.5, clusters)


def quantile(values: Values, q: float, clusters: Clusters | None = None) -> Estimate:
    """The q-quantile (0 <= q <= 1, linear between neighbours, as numpy's) with a 95 % bootstrap interval over
    clusters."""
    if not 0 <= q <= 1:
        raise ValueError(f"q is {q}; a quantile lies between 0 and 1.")
    numbers = _floats(values)
    codes = _codes(clusters, len(numbers))
    kept = ~np.isnan(numbers)
    n, n_total = int(kept.sum()), len(numbers)
    refusal = _refusal(numbers[kept], n, n_total)
    if refusal:
        return Estimate(None, n, n_total, reason=refusal)
    value = float(np.quantile(numbers[kept], q))
    order = np.argsort(numbers[kept], kind="stable")
    ordered = numbers[kept][order]
    ordered_codes = _codes(codes[kept], n)[order]
    num_clusters = int(ordered_codes.max()) + 1
    if num_clusters == 1:
        return Estimate(value, n, n_total, reason=no_interval(n))
    draws = []
    for counts in cluster_counts(num_clusters, wide=n):
        ranks = np.cumsum(counts[:, ordered_codes], axis=1)  # (R, N): how many drawn values lie at or below each
        position = q * (ranks[:, -1] - 1)
        lower, upper = np.floor(position), np.ceil(position)
        low = ordered[np.argmax(ranks > lower[:, None], axis=1)]
        high = ordered[np.argmax(ranks > upper[:, None], axis=1)]
        draws.append(low + (position - lower) * (high - low))
    drawn = np.concatenate(draws)
    return Estimate(value, n, n_total, float(drawn.std(ddof=1)), *_percentiles(drawn), reason=caution(num_clusters))


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
    clusters and samples serves every seed drawn with it: drawing anew for each would average away what the choice of
    the test set does. Of S seeds S - 1 are drawn (McCarthy and Snowden 1985), which makes the bootstrap's variance of a
    mean unbiased where S is small.
    """
    tops = _seed_matrix(values)
    bottoms = np.where(np.isnan(tops), np.nan, 1.0) if denominators is None else _seed_matrix(denominators)
    if tops.shape != bottoms.shape:
        raise ValueError(f"values have shape {tops.shape}, denominators {bottoms.shape}: they must be the same.")
    num_seeds, num_samples = tops.shape
    if num_seeds == 1:
        alone = _ratio(tops[0], bottoms[0], clusters, scale)
        if alone.value is None:
            return alone
        why = "; ".join(filter(None, ["one seed: the interval covers test samples, not training", alone.reason]))
        return replace(alone, reason=why)
    missing = np.isnan(tops) | np.isnan(bottoms)
    n, n_total = int((~missing).sum()), tops.size
    refusal = _refusal(tops[~missing], n, n_total)
    if refusal:
        return Estimate(None, n, n_total, reason=refusal)
    tops, bottoms = np.where(missing, 0.0, tops), np.where(missing, 0.0, bottoms)
    totals = bottoms.sum(axis=1)
    if not totals.all():
        return Estimate(None, n, n_total, reason=f"seed number {int(np.argmin(totals != 0)) + 1} measured nothing")
    value = float((scale * tops.sum(axis=1) / totals).mean())
    codes = _codes(clusters, num_samples)
    num_clusters = int(codes.max()) + 1
    if denominators is None and scale == 1.0 and value in (0.0, 1.0) and np.isin(tops[~missing], (0.0, 1.0)).all():
        return _wilson(value, n, n_total, num_clusters)  # seeds share the clusters, so they add no trials
    drawn = _crossed_resamples([(tops, bottoms)], codes, scale)[:, 0]
    spread = float(np.nanstd(drawn, ddof=1))
    return Estimate(value, n, n_total, spread, *_percentiles(drawn), reason=caution(num_clusters))


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
    flipped, all 2^K ways where that is no more than 10,000, else 10,000 at random; it speaks of these trained models
    over other test samples.
    """
    estimate, sums = _difference(_seed_matrix(a), _seed_matrix(b), clusters, denominators, scale)
    return _with_p_values([(estimate, sums)])[0]


def paired_all(
    models: Sequence[Values | Sequence[Values]],
    clusters: Clusters | None = None,
    denominators: Values | None = None,
    scale: float = 1.0,
) -> dict[tuple[int, int], PairedDifference]:
    """`paired` for every two of the models: (i, j), i < j, to the difference of i minus j. The same numbers, in less
    time."""
    matrices = [_seed_matrix(model) for model in models]
    pairs = list(itertools.combinations(range(len(models)), 2))
    differences = [_difference(matrices[i], matrices[j], clusters, denominators, scale) for i, j in pairs]
    return dict(zip(pairs, _with_p_values(differences), strict=True))


def _difference(
    first: Floats, second: Floats, clusters: Clusters | None, denominators: Values | None, scale: float
) -> tuple[Estimate, Floats]:
    """(first minus second with its interval, the clusters' differences (K,), whose signs could as well be flipped)."""
    num_samples = first.shape[1]
    if second.shape[1] != num_samples:
        raise ValueError(f"a has {num_samples} samples, b {second.shape[1]}: pairs need the same samples.")
    weights = np.ones(num_samples) if denominators is None else _floats(denominators)
    if len(weights) != num_samples:
        raise ValueError(f"{num_samples} pairs and {len(weights)} denominators: each pair needs one.")
    codes = _codes(clusters, num_samples)
    kept = ~(np.isnan(first).any(axis=0) | np.isnan(second).any(axis=0) | np.isnan(weights))
    n = int(kept.sum())
    both = np.concatenate([first[:, kept].ravel(), second[:, kept].ravel()])
    refusal = _refusal(both, n, num_samples, "no sample was measured in both")
    if refusal or not weights[kept].sum():
        return Estimate(None, n, num_samples, reason=refusal or "the denominators add up to 0"), np.empty(0)
    first, second, weights, codes = first[:, kept], second[:, kept], weights[kept], _codes(codes[kept], n)
    differences = first.mean(axis=0) - second.mean(axis=0)
    sums = _sums(codes, differences)
    if not differences.any():
        # Resampling zeros would claim certainty.
        estimate = Estimate(0.0, n, num_samples, reason="every pair is equal: no interval")
    elif len(sums) > 1 and (len(first) > 1 or len(second) > 1):
        value = float(scale * differences.sum() / weights.sum())
        both_sides = [(side, np.broadcast_to(weights, side.shape)) for side in (first, second)]
        drawn = _crossed_resamples(both_sides, codes, scale)
        apart = drawn[:, 0] - drawn[:, 1]
        spread = float(np.nanstd(apart, ddof=1))
        estimate = Estimate(value, n, num_samples, spread, *_percentiles(apart), reason=caution(len(sums)))
    else:
        estimate = replace(_ratio(differences, weights, codes, scale, shares=False), n_total=num_samples)
    return estimate, sums


def _with_p_values(differences: Sequence[tuple[Estimate, Floats]]) -> list[PairedDifference]:
    """Every comparison whole; those over equally many clusters share their flips."""
    p_values: dict[int, float] = {}
    for num_clusters in {len(sums) for _, sums in differences} - {0}:
        places = [place for place, (_, sums) in enumerate(differences) if len(sums) == num_clusters]
        shared = _sign_flip_p_values(np.stack([differences[place][1] for place in places], axis=1))
        p_values |= dict(zip(places, shared, strict=True))
    return [
        PairedDifference(
            estimate,
            p_values.get(place),
            (_Z + NormalDist().inv_cdf(POWER)) * estimate.stderr if estimate.stderr else None,
            len(sums),
        )
        for place, (estimate, sums) in enumerate(differences)
    ]


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """p-values corrected for being many (Holm 1979), in the order given; None stays None and counts for nothing."""
    ascending = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, place) in enumerate(ascending):
        largest = max(largest, min(1.0, p * (len(ascending) - rank)))
        corrected[place] = largest
    return corrected


def _ratio(tops: Floats, bottoms: Floats, clusters: Clusters | None, scale: float, shares: bool = True) -> Estimate:
    """scale * sum(tops) / sum(bottoms); a mean where all bottoms are 1. `shares`: 0/1 values get a Wilson interval."""
    codes = _codes(clusters, len(tops))
    kept = ~(np.isnan(tops) | np.isnan(bottoms))
    n, n_total = int(kept.sum()), len(tops)
    refusal = _refusal(np.concatenate([tops[kept], bottoms[kept]]), n, n_total)
    if refusal:
        return Estimate(None, n, n_total, reason=refusal)
    tops, bottoms, codes = tops[kept], bottoms[kept], _codes(codes[kept], n)
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
    top_sums = _sums(codes, tops)
    bottom_sums = _sums(codes, bottoms)
    # The linearised (Taylor) standard error of a ratio over clusters; for singletons and a mean it is s / sqrt(n).
    residuals = scale * top_sums - value * bottom_sums
    stderr = math.sqrt(num_clusters / (num_clusters - 1) * float(residuals @ residuals)) / abs(total)
    if num_clusters > _MAX_CLUSTERS_RESAMPLED:
        return Estimate(value, n, n_total, stderr, value - _Z * stderr, value + _Z * stderr)
    drawn = np.concatenate([_divide(scale * (c @ top_sums), c @ bottom_sums) for c in cluster_counts(num_clusters)])
    return Estimate(value, n, n_total, stderr, *_percentiles(drawn), reason=caution(num_clusters))


def _wilson(share: float, n: int, n_total: int, num_trials: int) -> Estimate:
    """The interval of Wilson (1927), for a share of so many independent trials."""
    spread = _Z**2 / num_trials
    centre = (share + spread / 2) / (1 + spread)
    half_width = math.sqrt(spread * (share * (1 - share) + spread / 4)) / (1 + spread)
    low, high = max(0.0, centre - half_width), min(1.0, centre + half_width)
    # With all 0 or all 1 the usual standard error would be 0, which nobody believes: the interval's half width instead.
    stderr = math.sqrt(share * (1 - share) / num_trials) or (high - low) / (2 * _Z)
    return Estimate(share, n, n_total, stderr, low, high)


def _crossed_resamples(sides: list[tuple[Floats, Floats]], codes: NDArray[np.int64], scale: float) -> Floats:
    """Resampled measures (NUM_RESAMPLES, sides): seeds of each side drawn for itself, samples drawn once for all.

    A side is (numerators, denominators), each (S, N), missing values 0 in both.
    """
    generators = [np.random.default_rng([GENERATOR_SEED, 1, side]) for side in range(len(sides))]
    rows: list[Floats] = []
    for weights in sample_weights(codes):
        columns = []
        for (tops, bottoms), generator in zip(sides, generators, strict=True):
            measured = _divide(scale * (weights @ tops.T), weights @ bottoms.T)  # (R, S)
            num_seeds = len(tops)
            picked = generator.integers(0, num_seeds, size=(len(weights), max(1, num_seeds - 1)))
            columns.append(np.take_along_axis(measured, picked, axis=1).mean(axis=1))
        rows.append(np.stack(columns, axis=1))
    return np.concatenate(rows)


def _sign_flip_p_values(sums: Floats) -> list[float]:
    """Two-sided p of each column of clusters' differences (K, pairs) under flips of their signs.

    Flips that come within rounding of what was seen count as ties with it.
    """
    thresholds = np.abs(sums.sum(axis=0)) - 1e-12 * np.maximum(1.0, np.abs(sums).sum(axis=0))
    num_clusters = len(sums)
    exact = 2.0**num_clusters <= NUM_FLIPS
    extreme = sum((np.abs(rows @ sums) >= thresholds).sum(axis=0) for rows in signs(num_clusters, exact))
    p_values = extreme / 2**num_clusters if exact else (extreme + 1) / (NUM_FLIPS + 1)
    return [float(p) for p in p_values]


def _sums(codes: NDArray[np.int64], values: Floats) -> Floats:
    """(K,) totals of the values of each cluster."""
    return np.bincount(codes, weights=values).astype(np.float64)


def _divide(tops: Floats, bottoms: Floats) -> Floats:
    """NaN where a resample holds nothing to divide by."""
    return np.divide(tops, bottoms, out=np.full_like(tops, np.nan), where=bottoms != 0)


def _percentiles(drawn: Floats) -> tuple[float, float]:
    tail = (1 - CONFIDENCE) / 2
    low, high = np.nanquantile(drawn, [tail, 1 - tail])
    return float(low), float(high)


def _floats(values: Values) -> Floats:
    """(N,) float64 with NaN where a value is missing."""
    if isinstance(values, np.ndarray):
        numbers = values.astype(np.float64)
    else:
        numbers = np.array([math.nan if value is None else float(value) for value in values], dtype=np.float64)
    if numbers.ndim != 1:
        raise ValueError(f"values have shape {numbers.shape}; one row of numbers is needed.")
    return numbers


def _seed_matrix(values: ArrayLike | Values | Sequence[Values]) -> Floats:
    """(S, N) float64: one row a seed; a single row may come without its outer list."""
    if isinstance(values, np.ndarray):
        return np.atleast_2d(values.astype(np.float64))
    rows: list[Values] = list(values)  # type: ignore[arg-type]
    if not rows or rows[0] is None or np.isscalar(rows[0]):
        return _floats(rows)[None]  # type: ignore[arg-type]
    matrix = [_floats(row) for row in rows]
    if len({len(row) for row in matrix}) > 1:
        raise ValueError(
            f"seeds have {[len(row) for row in matrix]} samples: they must be the same samples, in one order."
        )
    return np.stack(matrix)


def _codes(clusters: Clusters | None, num_samples: int) -> NDArray[np.int64]:
    """Clusters as numbers 0, 1, ... in order of appearance; without clusters every sample is its own."""
    if clusters is None:
        return np.arange(num_samples)
    if len(clusters) != num_samples:
        raise ValueError(f"{num_samples} values and {len(clusters)} clusters: each value needs one.")
    names = clusters.tolist() if isinstance(clusters, np.ndarray) else clusters
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], dtype=np.int64)


def _refusal(numbers: Floats, n: int, n_total: int, nothing: str = "every value is missing") -> str | None:
    """Why there can be no value, or None. numbers: those that are not missing."""
    if n == 0:
        return nothing if n_total else "no samples"
    num_infinite = int(np.isinf(numbers).sum())
    return f"{num_infinite} of the values are infinite" if num_infinite else None


def no_interval(n: int) -> str:
    """Why one cluster of n samples has no interval."""
    return "one sample: no interval" if n == 1 else "all samples are in one cluster: no interval"


def caution(num_clusters: int) -> str | None:
    """What to beware of in an interval over few clusters; None with enough of them."""
    return f"only {num_clusters} clusters: the interval is rough" if num_clusters < _FEW_CLUSTERS else None
