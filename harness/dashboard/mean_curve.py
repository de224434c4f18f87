"""Mean curves over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Curve = tuple[Floats, Floats]
"""x, ascending, and y."""


@dataclass(frozen=True)
class Mean:
    """A curve over seeds."""

    x: Floats
    y: Floats
    low: Floats
    high: Floats
    """The least and the most of the seeds."""


def mean_curve(seeds: Sequence[Curve]) -> Mean:
    """The mean of several seeds' curves: at all x that lie in all of them, between their points along straight
    lines."""
    first, last = max(x[0] for x, _ in seeds), min(x[-1] for x, _ in seeds)
    x = np.unique(np.concatenate([x for x, _ in seeds]))
    x = x[(x >= first) & (x <= last)]
    values = np.stack([np.interp(x, *seed) for seed in seeds])
    return Mean(x, values.mean(axis=0), values.min(axis=0), values.max(axis=0))
