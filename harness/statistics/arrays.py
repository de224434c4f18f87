"""Values, clusters and seeds as arrays, the input of every estimate. Needs no torch."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Values = Sequence[float | None] | Sequence[float] | Sequence[bool] | Sequence[int] | NDArray[np.generic]
Clusters = Sequence[Hashable] | NDArray[np.generic]


def cluster_sums(codes: NDArray[np.int64], values: Floats) -> Floats:
    """(K,) totals of the values of each cluster."""
    return np.bincount(codes, weights=values).astype(np.float64)


def divided(tops: Floats, bottoms: Floats) -> Floats:
    """tops / bottoms; NaN where a resample's denominator is 0."""
    return np.divide(tops, bottoms, out=np.full_like(tops, np.nan), where=bottoms != 0)


def floats(values: Values) -> Floats:
    """(N,) float64 with NaN where a value is missing."""
    if isinstance(values, np.ndarray):
        numbers = values.astype(np.float64)
    else:
        numbers = np.array([math.nan if value is None else float(value) for value in values], dtype=np.float64)
    if numbers.ndim != 1:
        raise ValueError(f"values have shape {numbers.shape}; one row of numbers is needed.")
    return numbers


def seed_matrix(values: ArrayLike | Values | Sequence[Values]) -> Floats:
    """(S, N) float64, a row for each seed. A single row may be given without the outer list."""
    if isinstance(values, np.ndarray):
        return np.atleast_2d(values.astype(np.float64))
    rows: list[Values] = list(values)  # type: ignore[arg-type]
    if not rows or rows[0] is None or np.isscalar(rows[0]):
        return floats(rows)[None]  # type: ignore[arg-type]
    matrix = [floats(row) for row in rows]
    if len({len(row) for row in matrix}) > 1:
        raise ValueError(
            f"seeds have {[len(row) for row in matrix]} samples: they must be the same samples, in one order."
        )
    return np.stack(matrix)


def cluster_codes(clusters: Clusters | None, num_samples: int) -> NDArray[np.int64]:
    """Clusters as numbers 0, 1, ... in order of appearance; without clusters each sample is a cluster."""
    if clusters is None:
        return np.arange(num_samples)
    if len(clusters) != num_samples:
        raise ValueError(f"{num_samples} values and {len(clusters)} clusters: each value needs one.")
    names = clusters.tolist() if isinstance(clusters, np.ndarray) else clusters
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], dtype=np.int64)


EVERY_VALUE_MISSING = "every value is missing"


def refusal(numbers: Floats, n: int, n_total: int, if_none: str = EVERY_VALUE_MISSING) -> str | None:
    """Why there is no value; None where there is one. numbers: those not missing. if_none: the reason if all are."""
    if n == 0:
        return if_none if n_total else "no samples"
    num_infinite = int(np.isinf(numbers).sum())
    return f"{num_infinite} of the values are infinite" if num_infinite else None
