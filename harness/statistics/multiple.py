"""Corrections of p-values for many comparisons.

Within a measure: the step-down procedure of Westfall & Young (1993) and Romano & Wolf (2005), which knows how the
comparisons hang together and so loses less than Holm's. Over the measures of a table: Holm (1979).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from harness.statistics.arrays import Floats
from harness.statistics.estimate import FEWEST_CLUSTERS
from harness.statistics.resampling import GENERATOR_SEED, NUM_FLIPS, signs
from harness.statistics.spread import combined_df

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True)
class Tests:
    """Comparisons of M models over the same K clusters."""

    p_values: Mapping[tuple[int, int], float]
    """Of each pair (i, j) of models."""
    effects: Floats
    """(M, K) of the clusters on each model's value (spread.py)."""
    values: Floats
    """(M,)"""
    variances_of_seeds: Floats
    """(M,) what other seeds change of each value."""
    df_of_seeds: Floats
    """(M,) the degrees of freedom of that."""
    df_of_clusters: float
    """Degrees of freedom of the variance over clusters."""


def step_down(groups: Sequence[Tests]) -> list[dict[tuple[int, int], float]]:
    """The p-values of each group of tests, corrected over all of them: the chance of a p-value as small as that,
    anywhere, if nothing differed.

    How the tests hang together is seen where the signs of all clusters' differences are flipped at random and the
    seeds' luck is drawn anew, and every pair's t and p are computed again (Westfall & Young's minimum p). Groups of as
    many clusters share their flips, as the same samples under two decoding strategies do. Step-down: the smallest p is
    held to the smallest of all that are drawn, the next to the smallest of the others, and so on.
    """
    names = [(number, pair) for number, group in enumerate(groups) for pair in group.p_values]
    if not names:
        return [{} for _ in groups]
    observed = np.array([groups[number].p_values[pair] for number, pair in names])
    drawn = np.concatenate([_drawn(group, number) for number, group in enumerate(groups) if group.p_values], axis=1)
    order = np.argsort(observed, kind="stable")
    smallest = np.minimum.accumulate(drawn[:, order[::-1]], axis=1)[:, ::-1]  # of those not yet passed
    counts = (smallest <= observed[order] + 1e-12).sum(axis=0)
    least = np.array([smallest_possible(groups[number].effects.shape[1]) for number, _ in names])
    corrected = np.empty(len(observed))
    # never below the uncorrected p, which the draws only approach, nor below what so few clusters can show
    lowest = np.maximum(observed, least)[order]
    corrected[order] = np.maximum.accumulate(np.maximum((counts + 1) / (NUM_FLIPS + 1), lowest))
    results: list[dict[tuple[int, int], float]] = [{} for _ in groups]
    for (number, pair), p in zip(names, corrected, strict=True):
        results[number][pair] = min(1.0, float(p))
    return results


def smallest_possible(num_clusters: int) -> float:
    """The smallest p that `step_down` gives to any outcome over so many clusters: of 2^K flips two give what was
    observed, the one without a flip and the one of all."""
    return 2.0 ** (1 - num_clusters) if num_clusters >= FEWEST_CLUSTERS else 1.0


def _drawn(group: Tests, number: int) -> Floats:
    """(R, tests): p-values of a group as they would come out by chance."""
    from scipy.special import stdtr  # only where it is needed: settings are checked without scipy

    num_models, num_clusters = group.effects.shape
    firsts, seconds = np.array(list(group.p_values)).T
    # what each cluster adds to a model's value, so that the differences of two models add up to theirs
    shares = math.sqrt((num_clusters - 1) / num_clusters) * group.effects
    shares = shares + ((group.values - group.values.mean()) / num_clusters)[:, None]
    generator = np.random.default_rng([GENERATOR_SEED, 4, number])
    flipped = np.concatenate([rows @ shares.T for rows in signs(num_clusters, exact=False)])  # (R, M)
    luck = np.sqrt(group.variances_of_seeds) * generator.standard_normal((len(flipped), num_models))
    of_seeds = group.variances_of_seeds * generator.chisquare(group.df_of_seeds, size=luck.shape) / group.df_of_seeds
    apart = flipped[:, firsts] - flipped[:, seconds]
    squares = ((shares[firsts] - shares[seconds]) ** 2).sum(axis=1)
    of_clusters = np.maximum(squares - apart**2 / num_clusters, 0.0) * num_clusters / (num_clusters - 1)
    is_in = np.eye(num_models)[:, firsts] + np.eye(num_models)[:, seconds]  # (M, tests): the models of each pair
    seeds_of_pairs = of_seeds @ is_in
    variance = of_clusters + seeds_of_pairs
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.abs(apart + luck[:, firsts] - luck[:, seconds]) / np.sqrt(variance)
        df = seeds_of_pairs**2 / ((of_seeds**2 / group.df_of_seeds) @ is_in)
        share = seeds_of_pairs / variance
    df = combined_df(np.nan_to_num(share), group.df_of_clusters, np.nan_to_num(df, nan=1.0))
    return np.nan_to_num(2 * stdtr(df, -t), nan=1.0)  # type: ignore[no-any-return]


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """p-values corrected for multiple comparisons (Holm 1979), in the same order; None stays None and isn't counted."""
    ascending = sorted((p, index) for index, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, index) in enumerate(ascending):
        largest = max(largest, min(1.0, p * (len(ascending) - rank)))
        corrected[index] = largest
    return corrected


def over_measures(by_measure: Mapping[K, Sequence[float | None]]) -> dict[K, list[float | None]]:
    """The p-values of each measure, which are corrected within it, corrected over all measures.

    Each of M measures is tested at a level of 1 / M of the whole. Only a measure of which every comparison is rejected
    leaves the others its share, as in Holm (1979): while one of its comparisons may be equal, it may still be called
    different by chance.
    """
    largest = {key: max((p for p in p_values if p is not None), default=None) for key, p_values in by_measure.items()}
    tested = sorted((p, place) for place, p in enumerate(largest.values()) if p is not None)
    keys = list(by_measure)
    corrected: dict[K, list[float | None]] = {key: list(p_values) for key, p_values in by_measure.items()}
    for _, place in tested:
        others = [p for p, other in tested if other != place]
        level = 0.0  # at which as many of the others are rejected whole
        options = [(level, len(tested))]
        for rank, p in enumerate(others):
            level = max(level, p * (len(tested) - rank))
            options.append((level, len(tested) - rank - 1))
        corrected[keys[place]] = [
            None if p is None else min(1.0, *(max(level, p * factor) for level, factor in options))
            for p in by_measure[keys[place]]
        ]
    return corrected
