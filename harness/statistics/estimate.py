"""A number with its interval."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

from harness.common.plurals import many

CONFIDENCE = 0.95

FEWEST_CLUSTERS = 5
"""No interval is given from fewer clusters: it would cover too rarely, or be too wide to say anything."""

Z = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)
"""Standard errors from the middle of a normal interval to its end."""


@dataclass(frozen=True)
class Estimate:
    """One number with its uncertainty."""

    value: float | None
    """None where nothing was measured; `reason` then says why."""
    n: int
    """Samples with a value."""
    n_total: int
    """All samples, those without a value included."""
    stderr: float | None = None
    """Standard error, in the value's unit."""
    ci_low: float | None = None
    """Lower end of the 95 % interval; None where there is none (`reason` says why)."""
    ci_high: float | None = None
    reason: str | None = None
    """Why the value or the interval is missing, or a warning about it."""
    df: float | None = None
    """Degrees of freedom of the interval's Student's t; None where it has none."""
    stderr_samples: float | None = None
    """Of several seeds: the part of the standard error that is the test samples' choice."""
    sd_seeds: float | None = None
    """Of several seeds: the standard deviation of their values."""


def no_interval(n: int, num_clusters: int = 1) -> str | None:
    """Why so few clusters of n samples have no interval; None where there are enough."""
    if num_clusters >= FEWEST_CLUSTERS:
        return None
    if num_clusters == 1:
        return "one sample: no interval" if n == 1 else "all samples are in one cluster: no interval"
    return f"only {many(num_clusters, 'cluster')}: no interval, which takes {FEWEST_CLUSTERS}"
