"""Made-up measurements of which the truth is known, by the thousand, for the proofs of test_coverage.py.

Shapes: R repetitions, S seeds, K clusters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from harness.statistics.arrays import Floats
from harness.statistics.intervals import LOPSIDED, over_seeds
from harness.statistics.paired_difference import PairedDifference, paired
from harness.statistics.spread import Spread, spread

_LEVEL_OF_SECOND_SOURCE = 4.0
_SD_OF_INTERACTION = 0.5
_SAMPLES_A_CLUSTER = 5
_MOST_SD_OF_LOGIT = 0.7
"""Seeds' shares differ by no more: as much as the most variable family's in results/reference."""
_NUM_WITH_OVER_SEEDS = 100


@dataclass(frozen=True)
class Design:
    """What is measured, and how it varies."""

    num_clusters: int = 10
    num_seeds: int = 1
    seed_ratio: float = 0.0
    """The variance between seeds, in variances of the mean over clusters."""
    num_sources: int = 1
    is_lognormal: bool = False
    """Whether clusters are drawn from a lognormal distribution (sd 1 of the logarithm), else from a normal one."""
    has_sizes: bool = False
    """Whether clusters have different sizes (lognormal, sd 0.5), so that the measure is a ratio of totals."""

    def of(self, num_clusters: int, num_seeds: int, seed_ratio: float) -> Design:
        """The same with other numbers."""
        return replace(self, num_clusters=num_clusters, num_seeds=num_seeds, seed_ratio=seed_ratio)

    @property
    def strata(self) -> NDArray[np.int64]:
        """(K,)"""
        return np.arange(self.num_clusters) % self.num_sources

    def sizes(self, generator: np.random.Generator, repetitions: int) -> Floats:
        """(R, 1, K)"""
        shape = (repetitions, 1, self.num_clusters)
        return generator.lognormal(0.0, 0.5, shape) if self.has_sizes else np.ones(shape)

    def clusters(self, generator: np.random.Generator, repetitions: int) -> Floats:
        """(R, 1, K), of mean 0 and variance 1"""
        normal: Floats = generator.standard_normal((repetitions, 1, self.num_clusters))
        if not self.is_lognormal:
            return normal
        return (np.exp(normal) - math.exp(0.5)) / math.sqrt((math.e - 1) * math.e)

    def measured(self, generator: np.random.Generator, clusters: Floats, sizes: Floats) -> Floats:
        """(R, S, K), from the clusters' own levels: with the seeds' luck, and what a seed does to a cluster."""
        of_mean = (sizes**2).sum(axis=-1, keepdims=True) / sizes.sum(axis=-1, keepdims=True) ** 2
        shape = (len(clusters), self.num_seeds, self.num_clusters)
        luck = np.sqrt(self.seed_ratio * of_mean) * generator.standard_normal((*shape[:2], 1))
        return clusters + luck + _SD_OF_INTERACTION * generator.standard_normal(shape)


@dataclass(frozen=True)
class Coverage:
    """Of R intervals."""

    covered: float
    """The share that holds the truth."""
    lopsided: float
    """The share that carries the warning of lopsided clusters."""


def coverage_of_totals(design: Design, repetitions: int, generator: np.random.Generator) -> Coverage:
    """Of the intervals of a mean or a ratio of totals, whose truth is 0, or between the sources' levels where there are
    two. One seed: of this very fit.

    All repetitions go through `spread` at once, as further seeds would; `over_seeds` has to give the same intervals for
    the first of them.
    """
    sizes = design.sizes(generator, repetitions)
    levels = _LEVEL_OF_SECOND_SOURCE * design.strata
    values = design.measured(generator, design.clusters(generator, repetitions) + levels, sizes)
    truths = ((sizes * levels).sum(axis=-1) / sizes.sum(axis=-1))[:, 0]
    tops, bottoms = sizes * values, np.broadcast_to(sizes, values.shape)
    flat = spread(
        tops.reshape(-1, design.num_clusters),
        bottoms.reshape(-1, design.num_clusters),
        np.arange(design.num_clusters),
        design.strata,
        1.0,
    )
    per_seed, effects = flat.per_seed.reshape(repetitions, -1), flat.effects.reshape(values.shape)
    num_covered = num_lopsided = 0
    for place in range(repetitions):
        varies = Spread(per_seed[place], effects[place], design.strata)
        half_width = varies.uncertainty.half_width
        num_covered += abs(varies.value - truths[place]) <= half_width
        if place < _NUM_WITH_OVER_SEEDS:
            estimate = over_seeds(list(tops[place]), None, list(bottoms[place]), strata=design.strata.tolist())
            np.testing.assert_allclose(estimate.ci_high, varies.value + half_width, rtol=1e-9)
            num_lopsided += LOPSIDED in str(estimate.reason)
    return Coverage(num_covered / repetitions, num_lopsided / _NUM_WITH_OVER_SEEDS)


def coverage_of_a_share(
    design: Design, share: float, correlation: float, repetitions: int, generator: np.random.Generator
) -> float:
    """Of the intervals of a share of five samples a cluster.

    A seed's share is drawn from a beta distribution around the true one. correlation: of two samples of a cluster. What
    a seed does with a sample is by half its own luck and by half that of the sample. The second source is harder.
    """
    variance = share * (1 - share) * (1 + (_SAMPLES_A_CLUSTER - 1) * correlation)
    variance /= design.num_clusters * _SAMPLES_A_CLUSTER
    sd = min(math.sqrt(design.seed_ratio * variance), _MOST_SD_OF_LOGIT * share * (1 - share))
    codes = np.repeat(np.arange(design.num_clusters), _SAMPLES_A_CLUSTER)
    strata = design.strata[codes]
    share_of_second = float(strata.mean())
    shape = (design.num_seeds, len(codes))
    num_covered = 0
    for _ in range(repetitions):
        seeds = np.full((design.num_seeds, 1), share)
        if sd:
            count = share * (1 - share) / sd**2 - 1
            seeds = generator.beta(share * count, (1 - share) * count, (design.num_seeds, 1))
        chances = seeds + 0.5 * seeds * (1 - seeds) * (share_of_second - strata)
        of_samples, of_seeds = generator.random(len(codes)), generator.random(shape)
        draws = np.where(generator.random(shape) < 0.5, of_seeds, of_samples)
        of_clusters = generator.random(design.num_clusters)[codes]
        draws = np.where(generator.random(len(codes)) < math.sqrt(correlation), of_clusters, draws)
        estimate = over_seeds(list((draws < chances).astype(float)), codes, strata=strata.tolist())
        num_covered += estimate.ci_low <= share <= estimate.ci_high  # type: ignore[operator]
    return num_covered / repetitions


def equal_families(
    design: Design, is_one_recipe: bool, repetitions: int, generator: np.random.Generator
) -> list[PairedDifference]:
    """The differences of two families that are equally good. is_one_recipe: they are one, with other seeds; else each
    has clusters of its own that it is better at."""
    levels = _LEVEL_OF_SECOND_SOURCE * design.strata
    sizes, common = design.sizes(generator, repetitions), design.clusters(generator, repetitions)
    sides = []
    for _ in range(2):
        own = common if is_one_recipe else (common + design.clusters(generator, repetitions)) / math.sqrt(2)
        sides.append(sizes * design.measured(generator, own + levels, sizes))
    return [
        paired(list(first), list(second), None, weights[0], strata=design.strata.tolist())
        for first, second, weights in zip(*sides, sizes, strict=True)
    ]
