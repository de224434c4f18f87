"""Interpolation weights that held-out text chooses (Jelinek and Mercer 1980), by expectation maximisation.

Contexts of several lengths speak of a token, from the shortest up: each gives weight times what it has itself, and
the rest of what the shorter ones have. Contexts of one bucket share a weight. Two made-up observations, one for and one
against, stand in for weights that the text says nothing about.

Shape legend: T tokens of held-out text, M contexts of a token at most.
"""

from __future__ import annotations

import numba
import numpy as np

from models.ngrams.trie import Floats, Ints

_ROUNDS, _TOLERANCE = 200, 1e-6


def choose_weights(shares: Floats, buckets: Ints, below: Floats, num_buckets: int) -> Floats:
    """The weights (num_buckets,) that give held-out text the highest likelihood.

    shares: (T, M), what each context itself gives each token, from the shortest up; buckets: (T, M), the context's, -1
    where there is none; below: (T,), what lies below the shortest.
    """
    weights = np.full(num_buckets, 0.5)
    for _ in range(_ROUNDS):
        used, asked = _expect(shares, buckets, below, weights)
        better = (used + 1) / (asked + 2)
        moved = np.abs(better - weights).max()
        weights = better
        if moved < _TOLERANCE:
            break
    return weights


@numba.njit(cache=True, nogil=True)
def _expect(shares: Floats, buckets: Ints, below: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """How often, in expectation, each bucket's own share gave a token, and how often it was asked for one."""
    used, asked = np.zeros_like(weights), np.zeros_like(weights)
    so_far = np.zeros(shares.shape[1] + 1)
    for place in range(len(shares)):
        so_far[0] = below[place]
        for m in range(shares.shape[1]):
            bucket = buckets[place, m]
            so_far[m + 1] = so_far[m]
            if bucket >= 0:
                so_far[m + 1] = weights[bucket] * shares[place, m] + (1 - weights[bucket]) * so_far[m]
        reached = 1.0
        for m in range(shares.shape[1] - 1, -1, -1):
            bucket = buckets[place, m]
            if bucket >= 0:
                own = reached * weights[bucket] * shares[place, m] / so_far[m + 1]
                used[bucket] += own
                asked[bucket] += reached
                reached -= own
    return used, asked
