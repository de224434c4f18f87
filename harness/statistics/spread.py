"""How a measure varies with its clusters and with its seeds: variances, their degrees of freedom, Student's t.

A measure is a mean over S seeds of scale * sum(tops) / sum(bottoms); a mean has bottoms of 1. The seeds share their
samples, and so their K clusters. Samples of several sources (plays, conversations) are strata: the sources' shares are
a choice of whoever designed the test, not luck, so only the clusters within a source vary.

Clusters: the jackknife, which leaves out one cluster at a time (Bell & McCaffrey 2002, CR3; Cameron & Miller 2015).
Seeds and clusters: the two-way analysis of variance, whose interaction is counted in both and taken out once. Degrees
of freedom: Satterthwaite (1946) within the clusters and within the seeds. The two together: Graybill & Wang (1980), the
root of the sum of the squared half widths. Satterthwaite's for all at once covers 92 to 93 % where three seeds matter
more than the clusters; this covers 95 to 98 % (tests/harness/statistics/test_coverage.py). Needs no torch.

Shapes: S seeds, N samples, K clusters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.statistics.arrays import Floats
from harness.statistics.estimate import CONFIDENCE

_UPPER = 0.5 + CONFIDENCE / 2


@dataclass(frozen=True)
class Variance:
    """A sum of independent estimates of variance."""

    parts: tuple[tuple[float, float], ...] = ()
    """Each with its degrees of freedom."""

    @property
    def total(self) -> float:
        return sum(part for part, _ in self.parts)

    @property
    def df(self) -> float:
        """Satterthwaite's degrees of freedom; infinite where nothing varies."""
        squares = sum(part**2 / df for part, df in self.parts if part)
        return self.total**2 / squares if squares else math.inf

    def __add__(self, other: Variance) -> Variance:
        return Variance(self.parts + other.parts)


@dataclass(frozen=True)
class Uncertainty:
    """How far a measure may be from what other clusters and other seeds would give."""

    clusters: Variance
    seeds: Variance = Variance()

    @property
    def stderr(self) -> float:
        return math.sqrt(self.clusters.total + self.seeds.total)

    @property
    def half_width(self) -> float:
        """Half of the 95 % interval."""
        return math.sqrt(sum(t_quantile(_UPPER, part.df) ** 2 * part.total for part in (self.clusters, self.seeds)))

    @property
    def known_df(self) -> float | None:
        """`df`; None where it is infinite, since nothing varies or the normal distribution is taken."""
        return self.df if math.isfinite(self.df) else None

    @property
    def df(self) -> float:
        """The degrees of freedom with which Student's 95 % interval is this one."""
        from scipy.special import stdtridf  # only where it is needed: settings are checked without scipy

        if not self.seeds.total:
            return self.clusters.df
        return float(stdtridf(_UPPER, self.half_width / self.stderr))

    def p_of(self, value: float) -> float:
        """Two-sided p of a value, if the true one were 0; below 0.05 exactly where 0 lies outside the interval."""
        return two_sided_p(value, self.stderr, self.df)

    def detectable(self, power: float) -> float:
        """The least true value of which p is below 0.05 with this power."""
        df = self.df
        return (t_quantile(_UPPER, df) + t_quantile(power, df)) * self.stderr


@dataclass(frozen=True)
class Spread:
    """A measure of each seed, and what each cluster does to it."""

    per_seed: Floats
    """(S,) the measure of each seed."""
    effects: Floats
    """(S, K): how much the measure falls without a cluster, scaled so that the squares of a seed add up to the variance
    of its measure over clusters."""
    strata: NDArray[np.int64]
    """(K,) the stratum of each cluster."""

    @property
    def value(self) -> float:
        return float(self.per_seed.mean())

    @property
    def of_clusters(self) -> Floats:
        """(K,) the effects on the mean over seeds."""
        return self.effects.mean(axis=0)  # type: ignore[no-any-return]

    def over_clusters(self) -> Variance:
        """What other clusters would change, with these very fits."""
        return over_clusters(self.of_clusters, self.strata)

    def over_seeds(self) -> Variance:
        """What other seeds would change, over these very clusters: nothing where there is one seed.

        The seeds' measures also differ by chance within the clusters, which `over_clusters` has already.
        """
        num_seeds = len(self.per_seed)
        if num_seeds == 1:
            return Variance()
        seeds = float(self.per_seed.var(ddof=1)) / num_seeds
        return Variance(((max(0.0, seeds - self.interaction()), num_seeds - 1.0),))

    def interaction(self) -> float:
        """The part of the variance of the mean over two seeds or more that is chance within the clusters, seed by
        seed: their interaction."""
        num_seeds = len(self.per_seed)
        return float(((self.effects - self.of_clusters) ** 2).sum()) / (num_seeds * (num_seeds - 1))

    @property
    def uncertainty(self) -> Uncertainty:
        return Uncertainty(self.over_clusters(), self.over_seeds())


def over_clusters(effects: Floats, strata: NDArray[np.int64]) -> Variance:
    """The variance over clusters of a measure on which they have these effects (K,)."""
    sizes = np.bincount(strata)
    of_each = np.bincount(strata, weights=effects**2)
    return Variance(tuple((float(part), float(size - 1)) for part, size in zip(of_each, sizes, strict=True)))


def spread(tops: Floats, bottoms: Floats, codes: NDArray[np.int64], strata: NDArray[np.int64], scale: float) -> Spread:
    """tops, bottoms: (S, N), 0 in both where a sample is missing. codes: (N,) the cluster of each sample. strata: (K,)
    the stratum of each cluster. Every seed's bottoms must add up to something, and no stratum may be one cluster."""
    num_seeds, num_clusters = len(tops), len(strata)
    cluster_of = codes + num_clusters * np.arange(num_seeds)[:, None]
    top, bottom = (
        np.bincount(cluster_of.ravel(), weights=side.ravel(), minlength=num_seeds * num_clusters).reshape(num_seeds, -1)
        for side in (tops, bottoms)
    )  # (S, K)
    is_in = np.eye(int(strata.max()) + 1)[strata]  # (K, strata)
    top_of, bottom_of = (side @ is_in @ is_in.T for side in (top, bottom))  # (S, K): of each cluster's stratum
    whole = bottom.sum(axis=1, keepdims=True)
    share = bottom_of / whole
    with np.errstate(divide="ignore", invalid="ignore"):
        falls = share * (top_of / bottom_of - (top_of - top) / (bottom_of - bottom))
    sizes = np.bincount(strata)[strata]
    effects = scale * np.sqrt((sizes - 1) / sizes) * np.nan_to_num(falls, nan=0.0, posinf=0.0, neginf=0.0)
    return Spread(scale * top.sum(axis=1) / whole[:, 0], effects, strata)


def t_quantile(probability: float, df: float) -> float:
    """Student's t below which this probability lies."""
    from scipy.special import ndtri, stdtrit

    return float(stdtrit(df, probability)) if math.isfinite(df) else float(ndtri(probability))


def two_sided_p(value: float, stderr: float, df: float) -> float:
    """p of Student's t, if the true value were 0."""
    from scipy.special import ndtr, stdtr

    t = -abs(value) / stderr
    return float(2 * (stdtr(df, t) if math.isfinite(df) else ndtr(t)))


def combined_df(share_of_seeds: Floats, df_of_clusters: float, df_of_seeds: Floats) -> Floats:
    """`Uncertainty.df` of many, from the seeds' share of each one's variance; by interpolation, to three digits."""
    from scipy.special import stdtrit

    dfs = np.concatenate([np.geomspace(1.0, 1e6, 2_000), [df_of_clusters]])
    dfs.sort()
    quantiles = stdtrit(dfs, _UPPER)  # falling
    of_seeds = np.interp(df_of_seeds, dfs, quantiles)
    of_clusters = stdtrit(df_of_clusters, _UPPER)
    wanted = np.sqrt((1 - share_of_seeds) * of_clusters**2 + share_of_seeds * of_seeds**2)
    df: Floats = np.interp(wanted, quantiles[::-1], dfs[::-1])
    return df


def skewness(effects: Floats) -> float:
    """How lopsided the clusters' effects are: 0 if they are not."""
    centred = effects - effects.mean()
    spread_squared = float((centred**2).mean())
    return float((centred**3).mean()) / spread_squared**1.5 if spread_squared else 0.0


def strata_of_clusters(codes: NDArray[np.int64], strata: Sequence[object] | None) -> NDArray[np.int64]:
    """(K,) the stratum of each cluster, from that of each sample (N). All are in one where `strata` is None, or where
    some cluster has samples of two.

    Strata of one cluster, within which nothing can vary, are joined with the smallest other one ("collapsed strata",
    Cochran 1977, section 5A.12), which makes intervals rather too wide.
    """
    num_clusters = int(codes.max()) + 1
    if strata is None:
        return np.zeros(num_clusters, dtype=np.int64)
    numbers: dict[object, int] = {}
    of_samples = np.array([numbers.setdefault(name, len(numbers)) for name in strata], dtype=np.int64)
    of_clusters = np.zeros(num_clusters, dtype=np.int64)
    of_clusters[codes] = of_samples
    if not np.array_equal(of_clusters[codes], of_samples):
        return np.zeros(num_clusters, dtype=np.int64)
    while len(sizes := np.unique(of_clusters, return_counts=True)[1]) > 1 and sizes.min() == 1:
        names = np.unique(of_clusters)[np.argsort(sizes, kind="stable")]
        of_clusters[of_clusters == names[0]] = names[1]
    return np.unique(of_clusters, return_inverse=True)[1].astype(np.int64)
