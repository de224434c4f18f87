"""What a comparison of two models can tell apart: how large a difference, with how many seeds and how much test text.

The interval of `paired` is drawn many times as its two variances come out by chance, and the share of them that leaves
0 out is counted. So the power is that of the very test that the report makes: Student's t with Graybill and Wang's half
width, over clusters and over seeds (spread.py). How often the promise is kept:
tests/harness/statistics/test_power.py. Needs no torch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.statistics.arrays import Clusters, Floats, Values, cluster_codes, floats, seed_matrix
from harness.statistics.estimate import FEWEST_CLUSTERS
from harness.statistics.intervals import Strata
from harness.statistics.paired_difference import FEWEST_SEEDS, POWER
from harness.statistics.resampling import GENERATOR_SEED
from harness.statistics.spread import over_clusters, spread, strata_of_clusters

MOST_SEEDS = 1_000
"""More are not tried."""
_NUM_DRAWS = 20_000


@dataclass(frozen=True)
class PairDesign:
    """Two models over the same test samples, at several seeds each."""

    num_clusters: int
    """Independent groups of test samples, such as documents."""
    num_seeds: int
    """Of each of the two."""
    sd_clusters: float
    """How much the models' difference varies from cluster to cluster: its standard deviation, in the measure's unit."""
    sd_seeds: float
    """How much the measure varies from seed to seed of one model."""
    sd_within: float = 0.0
    """How much it varies from seed to seed within one cluster, beyond that."""
    num_varying: int = 2
    """How many of the two depend on the seed: 0, 1 or 2. A family that counts does not."""
    level: float = 0.05
    """The p below which a difference is significant. Of n comparisons: 0.05 / n or more."""
    df_share: float = 1.0
    """The degrees of freedom of the variance over clusters, as a share of their number less one."""

    def __post_init__(self) -> None:
        fewest_seeds = FEWEST_SEEDS if self.num_varying else 1
        if self.num_clusters < FEWEST_CLUSTERS or self.num_seeds < fewest_seeds:
            raise ValueError(
                f"{self.num_clusters} clusters and {self.num_seeds} seeds: at least {FEWEST_CLUSTERS} clusters and "
                f"{fewest_seeds} seeds are needed to say that one family is better"
            )


def design_of(
    a: Sequence[Values],
    b: Sequence[Values],
    clusters: Clusters | None = None,
    denominators: Values | None = None,
    scale: float = 1.0,
    strata: Strata | None = None,
    seeds_vary: tuple[bool, bool] = (True, True),
) -> PairDesign | None:
    """The design of a comparison that was made, its spreads estimated; the arguments are those of `paired`. None where
    no spread can be estimated: fewer than five clusters, or fewer than two seeds of a model that depends on the seed.
    """
    sides = [seed_matrix(side) for side in (a, b)]
    num_samples = sides[0].shape[1]
    weights = np.ones(num_samples) if denominators is None else floats(denominators)
    used = ~np.isnan(np.concatenate([*sides, weights[None]])).any(axis=0)
    codes = cluster_codes(cluster_codes(clusters, num_samples)[used], int(used.sum()))
    num_clusters = int(codes.max(initial=-1)) + 1
    if num_clusters < FEWEST_CLUSTERS or any(
        vary and len(side) < 2 for side, vary in zip(sides, seeds_vary, strict=True)
    ):
        return None
    of_clusters = strata_of_clusters(
        codes, None if strata is None else [strata[place] for place in np.flatnonzero(used).tolist()]
    )
    spreads = [
        spread(side[:, used], np.broadcast_to(weights[used], side[:, used].shape), codes, of_clusters, scale)
        for side in sides
    ]
    varying = [one for one, vary in zip(spreads, seeds_vary, strict=True) if vary]
    within = [one.interaction() for one in varying]
    apart = over_clusters(spreads[0].of_clusters - spreads[1].of_clusters, of_clusters)
    return PairDesign(
        num_clusters,
        max(FEWEST_SEEDS, *(len(side) for side in sides)),
        math.sqrt(num_clusters * max(0.0, apart.total - sum(within))),
        _root_mean([len(one.per_seed) * one.over_seeds().total for one in varying]),
        _root_mean([num_clusters * len(one.per_seed) * part for one, part in zip(varying, within, strict=True)]),
        len(varying),
        df_share=min(1.0, apart.df / (num_clusters - 1)),
    )


def _root_mean(squares: Sequence[float]) -> float:
    return math.sqrt(sum(squares) / len(squares)) if squares else 0.0


def power_of(design: PairDesign, difference: float) -> float:
    """How often a true difference is found significant: 0 to 1."""
    noise, half_widths = _drawn(design)
    return float((np.abs(difference + noise) > half_widths).mean())


def detectable(design: PairDesign, power: float = POWER) -> float:
    """The smallest true difference that is found significant with this power."""
    noise, half_widths = _drawn(design)
    low, high = 0.0, float((half_widths - noise).max())
    for _ in range(50):
        middle = (low + high) / 2
        if (np.abs(middle + noise) > half_widths).mean() < power:
            low = middle
        else:
            high = middle
    return high


def seeds_needed(design: PairDesign, difference: float, power: float = POWER) -> int | None:
    """With how many seeds a true difference is found with this power; None where MOST_SEEDS are not enough. The
    design's own number of seeds does not matter."""
    fewest, most = FEWEST_SEEDS if design.num_varying else 1, MOST_SEEDS
    if power_of(replace(design, num_seeds=most), difference) < power:
        return None
    while fewest < most:
        middle = (fewest + most) // 2
        if power_of(replace(design, num_seeds=middle), difference) < power:
            fewest = middle + 1
        else:
            most = middle
    return fewest


def _drawn(design: PairDesign) -> tuple[Floats, Floats]:
    """(R,) by how much the difference that is measured misses the true one; (R,) the half width of its interval."""
    from scipy.special import stdtrit  # only where it is needed: settings are checked without scipy

    generator = np.random.default_rng([GENERATOR_SEED, 5])
    upper = 1 - design.level / 2
    sides, seeds = design.num_varying, design.num_seeds
    within = design.sd_within**2 / design.num_clusters / seeds  # of the mean over seeds of one side
    of_clusters = design.sd_clusters**2 / design.num_clusters + sides * within
    of_seeds = design.sd_seeds**2 / seeds
    noise = math.sqrt(of_clusters + sides * of_seeds) * generator.standard_normal(_NUM_DRAWS)
    df = max(1.0, design.df_share * (design.num_clusters - 1))
    squares = stdtrit(df, upper) ** 2 * of_clusters * generator.chisquare(df, _NUM_DRAWS) / df
    if sides and seeds > 1:
        shape = (_NUM_DRAWS, sides)
        df_of_within = (seeds - 1) * (design.num_clusters - 1)
        estimates = (of_seeds + within) * generator.chisquare(seeds - 1, shape) / (seeds - 1)
        estimates -= within * generator.chisquare(df_of_within, shape) / df_of_within
        estimates = np.maximum(estimates, 0.0)
        total = estimates.sum(axis=1)
        with np.errstate(invalid="ignore"):
            df_of_seeds = np.nan_to_num((seeds - 1) * total**2 / (estimates**2).sum(axis=1), nan=1.0)
        squares += stdtrit(df_of_seeds, upper) ** 2 * total
    return noise, np.sqrt(squares)
