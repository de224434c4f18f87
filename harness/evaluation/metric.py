"""What is measured: a measure of each sample, and the metric that a record holds."""

from __future__ import annotations

from dataclasses import dataclass

from harness.statistics.estimate import Estimate

LADDER_METRIC = "bits_per_byte"
"""The metric by which models are put in order, where it was measured: any tokenizer's models have it."""


@dataclass(frozen=True)
class Formula:
    """How a metric follows from its samples: scale x sum(sum_of) / sum(per), over the samples that have both.

    With it seeds and models are compared sample by sample. A metric that follows in another way (a median, an area, a
    count of different words) has none.
    """

    sum_of: str
    """A measure in the samples' `values`; else their `nats`, `num_tokens` or `num_bytes`."""
    per: str | None = None
    """Likewise. None: each sample counts once, so that the metric is a mean."""
    scale: float = 1.0


@dataclass(frozen=True)
class Baseline:
    """What a figure stands beside that no model made: what people wrote, other compressors, a fixed rule."""

    of: str
    """The metric of the same eval."""
    label: str
    """Who or what made the figure: 'real', 'gzip'."""


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
    uses_decoding: bool | None = None
    """Whether the decoding strategy can change it; None: as `Eval.uses_decoding` says."""
    baseline: Baseline | None = None
    """Where no model made it: what it stands beside."""


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
    sum_of: str | None = None
    """With `per` and `scale` how the value follows from the slice's samples (see Formula); None: in another way."""
    per: str | None = None
    scale: float = 1.0
    uses_decoding: bool = True
    """Whether the decoding strategy can change it."""
    baseline_of: str | None = None
    """Of a figure that no model made: the metric that it stands beside (see Baseline)."""
    baseline_label: str | None = None

    @property
    def estimate(self) -> Estimate:
        """The value with its interval."""
        return Estimate(self.value, self.n, self.n_total, self.stderr, self.ci_low, self.ci_high, self.reason)

    @property
    def formula(self) -> Formula | None:
        """How the value follows from the samples; None: in another way than by sums."""
        return None if self.sum_of is None else Formula(self.sum_of, self.per, self.scale)

    @property
    def baseline(self) -> Baseline | None:
        """Where no model made the figure: what it stands beside."""
        if self.baseline_of is None or self.baseline_label is None:
            return None
        return Baseline(self.baseline_of, self.baseline_label)
