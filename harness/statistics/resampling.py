"""Random draws for intervals and tests: the clusters, samples and signs of each resample.

Every draw starts from one fixed seed, so it depends only on the shape of the data. Small draws are cached, since the
measures of one eval share their samples; larger ones are made a portion at a time. Needs no torch.

Shapes: R resamples, K clusters, N samples.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from harness.statistics.arrays import Floats

NUM_RESAMPLES = 2_000
NUM_FLIPS = 10_000

GENERATOR_SEED = 20_240_229
# No array of more than this many values (32 MB).
_MAX_VALUES_AT_ONCE = 1 << 22


def signs(num_clusters: int, exact: bool) -> Iterator[Floats]:
    """Rows of +1 and -1, (R, K) at a time: all of them, or NUM_FLIPS at random."""
    if NUM_FLIPS * num_clusters <= _MAX_VALUES_AT_ONCE:
        yield _kept_signs(num_clusters, exact)
        return
    generator = np.random.default_rng([GENERATOR_SEED, 2])
    for num_rows in _portions(NUM_FLIPS, num_clusters):
        yield _signs_of_bits(generator.integers(0, 2, size=(num_rows, num_clusters), dtype=np.int8))


@lru_cache(maxsize=2)
def _kept_signs(num_clusters: int, exact: bool) -> Floats:
    if exact:
        bits = (np.arange(2**num_clusters)[:, None] >> np.arange(num_clusters)) & 1
    else:
        generator = np.random.default_rng([GENERATOR_SEED, 2])
        bits = generator.integers(0, 2, size=(NUM_FLIPS, num_clusters), dtype=np.int8)
    return _signs_of_bits(bits)


def _signs_of_bits(bits: NDArray[np.generic]) -> Floats:
    return 1.0 - 2.0 * bits.astype(np.float64)


def cluster_counts(num_clusters: int, row_width: int = 0) -> Iterator[Floats]:
    """How often each cluster is drawn in each resample, (R, K) at a time. row_width: of the caller's arrays."""
    width = max(num_clusters, row_width)
    if NUM_RESAMPLES * width <= _MAX_VALUES_AT_ONCE:
        yield _kept_cluster_counts(num_clusters)
        return
    generator = np.random.default_rng([GENERATOR_SEED, 0])
    for num_rows in _portions(NUM_RESAMPLES, width):
        yield _draw_counts(generator, num_rows, num_clusters)


@lru_cache(maxsize=4)
def _kept_cluster_counts(num_clusters: int) -> Floats:
    return _draw_counts(np.random.default_rng([GENERATOR_SEED, 0]), NUM_RESAMPLES, num_clusters)


def _draw_counts(generator: np.random.Generator, num_rows: int, num_clusters: int) -> Floats:
    drawn = generator.integers(0, num_clusters, size=(num_rows, num_clusters))
    drawn += np.arange(num_rows)[:, None] * num_clusters
    counts = np.bincount(drawn.ravel(), minlength=num_rows * num_clusters)
    return counts.reshape(num_rows, num_clusters).astype(np.float64)


def _portions(num_rows: int, width: int) -> Iterator[int]:
    """num_rows in portions whose (portion, width) arrays are small."""
    most = max(1, _MAX_VALUES_AT_ONCE // max(1, width))
    for start in range(0, num_rows, most):
        yield min(most, num_rows - start)
