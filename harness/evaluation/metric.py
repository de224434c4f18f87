"""What is measured: a measure of each sample, and the metric that a record holds."""

from __future__ import annotations

from dataclasses import dataclass

from harness.statistics.estimate import Estimate


@dataclass(frozen=True)
class Measure:
    """One thing that an eval measures of each sample, summed up as its mean."""

    name: str
    """As in `Score.values`, and in the record."""
    unit: str = "share"
    """'share' (0 to 1), 'tokens', 'nats', ..."""
    higher_is_better: bool | None = True
    """None where a number only describes."""
    chance: float | None = None
    """What guessing scores, where that is known."""
    why_missing: str = ""
    """The reason in the record where no sample has a value; '': that every value is missing."""


@dataclass(frozen=True)
class Metric:
    """One number that an eval found. Missing is never zero: `value` is None and `reason` says why."""

    eval: str
    eval_version: int
    metric: str
    slice: str
    """'all', or 'name=value' of a slice, as 'source=chat'."""
    value: float | None
    unit: str
    """'bits/byte', 'share', 'tokens', ..."""
    higher_is_better: bool | None
    """None where a number only describes."""
    n: int
    """Samples that the value rests on."""
    n_total: int
    """Samples that were asked."""
    stderr: float | None = None
    ci_low: float | None = None
    """95 % interval, in the metric's unit."""
    ci_high: float | None = None
    chance: float | None = None
    """What guessing scores, where that is known."""
    reason: str | None = None

    @property
    def estimate(self) -> Estimate:
        """The value with its interval."""
        return Estimate(self.value, self.n, self.n_total, self.stderr, self.ci_low, self.ci_high, self.reason)
