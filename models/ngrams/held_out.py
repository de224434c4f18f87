"""Interpolation weights that held-out text chooses (Jelinek and Mercer 1980), by expectation maximisation.

Contexts of several lengths predict a token, from the shortest up: each gives weight times its own share, and the rest
of what the shorter ones give. Contexts of one bucket share a weight. Two pseudo-observations, one for and one against,
define weights that the text has no evidence about.

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
        successes, trials = _expect(shares, buckets, below, weights)
        better = (successes + 1) / (trials + 2)
        moved = np.abs(better - weights).max()
        weights = better
        if moved < _TOLERANCE:
            break
    return weights


@numba.njit(cache=True, nogil=True)
def _expect(shares: Floats, buckets: Ints, below: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """How often, in expectation, each bucket's share gave a token, and how often that could have happened."""
    successes, trials = np.zeros_like(weights), np.zeros_like(weights)
    so_far = np.zeros(shares.shape[1] + 1)
    for position in range(len(shares)):
        so_far[0] = below[position]
        for m in range(shares.shape[1]):
            bucket = buckets[position, m]
            so_far[m + 1] = so_far[m]
            if bucket >= 0:
                so_far[m + 1] = weights[bucket] * shares[position, m] + (1 - weights[bucket]) * so_far[m]
        reached = 1.0
        for m in range(shares.shape[1] - 1, -1, -1):
            bucket = buckets[position, m]
            if bucket >= 0:
                success = reached * weights[bucket] * shares[position, m] / so_far[m + 1]
                successes[bucket] += success
                trials[bucket] += reached
                reached -= success
    return successes, trials
