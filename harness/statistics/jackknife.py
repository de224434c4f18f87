"""Estimates of what is no mean: a statistic of many samples together, as the number of different words among all.

Drawing samples twice, as a bootstrap does, would put repetitions into the very thing that counts them. The jackknife
(Quenouille 1956; Tukey 1958) leaves each cluster out in turn instead, and takes the spread of what comes out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from scipy.special import stdtrit

from harness.statistics.arrays import Clusters
from harness.statistics.estimate import CONFIDENCE, Estimate, caution, no_interval

T = TypeVar("T")


def jackknife(
    statistic: Callable[[Sequence[T]], float | None],
    samples: Sequence[T],
    clusters: Clusters,
    nothing: str,
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> Estimate:
    """A statistic of all samples (N) with a 95 % interval over their clusters (N).

    The interval is the statistic plus and minus its standard error times Student's t, of one degree of freedom fewer
    than there are clusters. nothing: the reason that stands in the estimate where the statistic of all of them is None.
    bounds: what the statistic always lies between; the interval then does too.
    """
    if len(clusters) != len(samples):
        raise ValueError(f"{len(samples)} samples and {len(clusters)} clusters: each sample needs one.")
    n = len(samples)
    value = statistic(samples)
    if value is None:
        return Estimate(None, 0, n, reason=nothing if n else "no samples")
    members: dict[object, set[int]] = {}
    for place, cluster in enumerate(clusters):
        members.setdefault(cluster, set()).add(place)
    if len(members) == 1:
        return Estimate(value, n, n, reason=no_interval(n))
    left = [statistic([sample for place, sample in enumerate(samples) if place not in out]) for out in members.values()]
    if None in left:
        return Estimate(value, n, n, reason="without one of its clusters there is no value: no interval")
    spread = np.array(left, dtype=np.float64)
    num_clusters = len(spread)
    stderr = math.sqrt((num_clusters - 1) / num_clusters * float(((spread - spread.mean()) ** 2).sum()))
    half_width = float(stdtrit(num_clusters - 1, 0.5 + CONFIDENCE / 2)) * stderr
    low, high = max(bounds[0], value - half_width), min(bounds[1], value + half_width)
    return Estimate(value, n, n, stderr, low, high, caution(num_clusters))
