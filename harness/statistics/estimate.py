"""A number with its interval."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

from harness.common.plurals import many

CONFIDENCE = 0.95

_FEW_CLUSTERS = 5

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


def no_interval(n: int) -> str:
    """Why one cluster of n samples has no interval."""
    return "one sample: no interval" if n == 1 else "all samples are in one cluster: no interval"


def caution(num_clusters: int) -> str | None:
    """The warning about an interval over few clusters; None where there are enough."""
    return f"only {many(num_clusters, 'cluster')}: the interval is rough" if num_clusters < _FEW_CLUSTERS else None
