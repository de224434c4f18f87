"""One ranking over several evals: strengths of Bradley & Terry (1952), with intervals of the ranks.

On every cluster of test samples every model plays every other one, seed by seed: the better value wins, and equal ones
share the point. An eval's games together count as one, so an eval of many samples counts no more than one of few. The
strengths are those of logistic regression. Intervals: the percentile bootstrap over seeds, which all evals share, and
over each eval's clusters within their strata; one fewer is drawn than there are, which makes the variance right (Rao &
Wu 1988). Needs no torch.

Shapes: M models, S seeds, K clusters, B resamples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.statistics.arrays import Floats
from harness.statistics.estimate import CONFIDENCE
from harness.statistics.resampling import GENERATOR_SEED

NUM_RESAMPLES = 1_000
_STEPS = 100


@dataclass(frozen=True)
class Games:
    """What every model reached on the clusters of one eval."""

    values: Sequence[Floats]
    """Of each model (S, K): more is better. The numbers of seeds may differ."""
    strata: NDArray[np.int64]
    """(K,) the stratum of each cluster."""


@dataclass(frozen=True)
class Ranking:
    """Of M models, in their order."""

    strengths: Floats
    """(M,) natural logarithms of the odds against a model of strength 0, their mean being 0."""
    low: Floats
    """(M,) the ends of their 95 % intervals."""
    high: Floats
    win_rates: Floats
    """(M,) the share of games that each wins against the others, each eval counting as one game."""
    ranks: NDArray[np.int64]
    """(M,) 1 is the best; equals share the better rank."""
    rank_low: NDArray[np.int64]
    """(M,) the ends of the 95 % intervals of the ranks."""
    rank_high: NDArray[np.int64]


def bradley_terry(wins: Floats) -> Floats:
    """(..., M) strengths of the greatest likelihood, their mean being 0. wins: (..., M, M), the number of games that
    the first has won of the second. Everybody must have won and lost some, directly or through others."""
    num_models = wins.shape[-1]
    games = wins + np.swapaxes(wins, -1, -2)
    strengths = np.zeros(wins.shape[:-1])
    for _ in range(_STEPS):  # Newton's
        expected = 1 / (1 + np.exp(strengths[..., None, :] - strengths[..., :, None]))
        slope = (wins - games * expected).sum(axis=-1)
        weights = games * expected * (1 - expected)
        curvature = np.eye(num_models) * weights.sum(axis=-1)[..., None] - weights + 1 / num_models
        step = np.linalg.solve(curvature, slope[..., None])[..., 0]
        largest = np.abs(step).max(axis=-1, keepdims=True, initial=0.0)
        strengths = strengths + step / np.maximum(1.0, largest)
        if (largest < 1e-10).all():
            break
    centred: Floats = strengths - strengths.mean(axis=-1, keepdims=True)
    return centred


def ranking(evals: Sequence[Games]) -> Ranking:
    """Of models that all played in every eval."""
    num_models = len(evals[0].values)
    seeds = [np.full((1, len(own)), 1 / len(own)) for own in evals[0].values]
    observed = _wins(evals, seeds, [np.ones((1, games.strata.size)) for games in evals])
    drawn_seeds, drawn_clusters = _drawn(evals)
    [strengths], resampled = bradley_terry(observed), bradley_terry(_wins(evals, drawn_seeds, drawn_clusters))
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail], axis=0)
    ranks_drawn = _ranks(resampled)
    rank_low, rank_high = np.quantile(ranks_drawn, [tail, 1 - tail], axis=0, method="inverted_cdf")
    [rates] = observed.sum(axis=-1) / (len(evals) * (num_models - 1))
    return Ranking(strengths, low, high, rates, _ranks(strengths[None])[0], rank_low, rank_high)


def _ranks(strengths: Floats) -> NDArray[np.int64]:
    """(B, M)"""
    ranks: NDArray[np.int64] = 1 + (strengths[:, None, :] > strengths[:, :, None] + 1e-9).sum(axis=-1)
    return ranks


def _wins(evals: Sequence[Games], seeds: Sequence[Floats], clusters: Sequence[Floats]) -> Floats:
    """(B, M, M) games won, each eval counting as one game of each pair. seeds: of each model (B, S), how much each
    seed counts. clusters: of each eval (B, K), likewise.

    Half a game is added to each side of a pair's games of an eval, of which there is one a cluster: nobody's strength
    is infinite.
    """
    num_models = len(seeds)
    wins = np.zeros((len(seeds[0]), num_models, num_models))
    for games, counts in zip(evals, clusters, strict=True):
        total = counts.sum(axis=1)
        for i in range(num_models):
            for j in range(i + 1, num_models):
                apart = games.values[i][:, None] - games.values[j]  # (S, S, K)
                won = (apart > 0) + (apart == 0) / 2
                of_seeds = (won.reshape(-1, counts.shape[1]) @ counts.T).reshape(*won.shape[:2], -1)  # (S, S, B)
                of_first = np.einsum("stb,bs,bt->b", of_seeds, seeds[i], seeds[j])
                share = (of_first + 0.5) / (total + 1)
                wins[:, i, j] += share
                wins[:, j, i] += 1 - share
    return wins


def _drawn(evals: Sequence[Games]) -> tuple[list[Floats], list[Floats]]:
    """How much each seed of each model counts, and each cluster of each eval, in every resample."""
    generator = np.random.default_rng([GENERATOR_SEED, 6])
    seeds = [_counts(generator, len(own)) / max(1, len(own) - 1) for own in evals[0].values]
    clusters = []
    for games in evals:
        counts = np.zeros((NUM_RESAMPLES, games.strata.size))
        for stratum in np.unique(games.strata):
            members = np.flatnonzero(games.strata == stratum)
            counts[:, members] = _counts(generator, len(members)) * len(members) / max(1, len(members) - 1)
        clusters.append(counts)
    return seeds, clusters


def _counts(generator: np.random.Generator, number: int) -> Floats:
    """(B, number) how often each is drawn, in number - 1 draws."""
    return generator.multinomial(max(1, number - 1), np.full(number, 1 / number), NUM_RESAMPLES).astype(np.float64)
