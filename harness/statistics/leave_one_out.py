"""Estimates of statistics that are not means, such as the number of different words in all samples together.

The bootstrap draws samples more than once, which would add repetitions to a statistic that counts them. The jackknife
(Quenouille 1956; Tukey 1958) leaves out one cluster at a time instead, and takes the spread of the statistic.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from harness.statistics.arrays import Clusters
from harness.statistics.estimate import CONFIDENCE, Estimate, no_interval

T = TypeVar("T")


def jackknife(
    statistic: Callable[[Sequence[T]], float | None],
    samples: Sequence[T],
    clusters: Clusters,
    reason_if_none: str,
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> Estimate:
    """A statistic of all samples (N) with a 95 % interval over their clusters (N).

    The interval is the statistic plus and minus its standard error times Student's t, of one degree of freedom fewer
    than there are clusters. reason_if_none: the estimate's reason where the statistic of all samples is None. bounds:
    the least and greatest value that the statistic can have; the interval is cut there.
    """
    if len(clusters) != len(samples):
        raise ValueError(f"{len(samples)} samples and {len(clusters)} clusters: each sample needs one.")
    n = len(samples)
    value = statistic(samples)
    if value is None:
        return Estimate(None, 0, n, reason=reason_if_none if n else "no samples")
    members: dict[object, set[int]] = {}
    for index, cluster in enumerate(clusters):
        members.setdefault(cluster, set()).add(index)
    if too_few := no_interval(n, len(members)):
        return Estimate(value, n, n, reason=too_few)
    without_one = [
        statistic([sample for index, sample in enumerate(samples) if index not in cluster])
        for cluster in members.values()
    ]
    if None in without_one:
        return Estimate(value, n, n, reason="without one of its clusters there is no value: no interval")
    from scipy.special import stdtrit  # only where it is needed: settings are checked without scipy

    spread = np.array(without_one, dtype=np.float64)
    num_clusters = len(spread)
    stderr = math.sqrt((num_clusters - 1) / num_clusters * float(((spread - spread.mean()) ** 2).sum()))
    half_width = float(stdtrit(num_clusters - 1, 0.5 + CONFIDENCE / 2)) * stderr
    low, high = max(bounds[0], value - half_width), min(bounds[1], value + half_width)
    return Estimate(value, n, n, stderr, low, high, df=float(num_clusters - 1))
