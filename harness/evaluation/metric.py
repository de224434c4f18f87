"""What is measured: a measure of each sample, and the metric that a record holds."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from harness.statistics.estimate import Estimate

LADDER_METRIC = "bits_per_byte"
"""The metric by which models are put in order, where it was measured: any tokenizer's models have it."""


_UP_TO_ONE = frozenset({"share", "area", "squared error", "reciprocal rank"})
_NOT_NEGATIVE = ("bits", "nats", "tokens", "bytes", "per ")


def bounds_of(unit: str) -> tuple[float, float]:
    """The least and the greatest value that a measure of this unit can have, as far as the unit says."""
    if unit in _UP_TO_ONE:
        return 0.0, 1.0
    return (0.0 if unit.startswith(_NOT_NEGATIVE) else -math.inf), math.inf


@dataclass(frozen=True)
class Formula:
    """How a metric follows from its samples: scale x sum(sum_of) / sum(per), over the samples that have both.

    With a formula, seeds and models can be compared sample by sample. A metric that follows in another way (a median,
    an area, a count of different words) has none.
    """

    sum_of: str
    """A measure in the samples' `values`; else their `nats`, `num_tokens` or `num_bytes`."""
    per: str | None = None
    """Likewise. None: each sample counts once, so that the metric is a mean."""
    scale: float = 1.0


@dataclass(frozen=True)
class Baseline:
    """A figure that no model produced, for comparison: of people's text, of other compressors, of a fixed rule."""

    of: str
    """The metric of the same eval that it is shown beside."""
    label: str
    """Who or what made the figure: 'real', 'gzip'."""
    is_trivial: bool = False
    """Whether it is the score of a simple rule, such as always giving the same answer. A model must beat it before
    its own score means anything."""


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
    """The score of guessing at random, where it is known."""
    why_missing: str = ""
    """The reason in the record where no sample has a value; '': that every value is missing."""
    uses_decoding: bool | None = None
    """Whether the decoding strategy can change it; None: as `Eval.uses_decoding` says."""
    baseline: Baseline | None = None
    """Where no model produced it: the metric that it is shown beside."""
    nearest_to: str | None = None
    """The metric of the same eval whose value is the best one to have, such as that of real text. `higher_is_better` is
    None then."""


@dataclass(frozen=True)
class Metric:
    """One number that an eval measured. Missing is never zero: `value` is None and `reason` says why."""

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
    """Samples that the value is computed from."""
    n_total: int
    """Samples that were asked."""
    stderr: float | None = None
    ci_low: float | None = None
    """95 % interval, in the metric's unit."""
    ci_high: float | None = None
    df: float | None = None
    """Degrees of freedom of the interval's Student's t; None where it has none."""
    chance: float | None = None
    """The score of guessing at random, where it is known."""
    reason: str | None = None
    sum_of: str | None = None
    """With `per` and `scale` how the value follows from the slice's samples (see Formula); None: in another way."""
    per: str | None = None
    scale: float = 1.0
    uses_decoding: bool = True
    """Whether the decoding strategy can change it."""
    baseline_of: str | None = None
    """For a figure that no model produced: the metric that it is shown beside (see Baseline)."""
    baseline_label: str | None = None
    baseline_is_trivial: bool = False
    nearest_to: str | None = None
    """The metric of the same eval whose value is the best one to have; None: see `higher_is_better`."""

    @property
    def estimate(self) -> Estimate:
        """The value with its interval."""
        return Estimate(self.value, self.n, self.n_total, self.stderr, self.ci_low, self.ci_high, self.reason, self.df)

    @property
    def formula(self) -> Formula | None:
        """How the value follows from the samples; None: in another way than by sums."""
        return None if self.sum_of is None else Formula(self.sum_of, self.per, self.scale)

    @property
    def is_judged(self) -> bool:
        """Whether one value is better than another."""
        return self.higher_is_better is not None or self.nearest_to is not None

    @property
    def baseline(self) -> Baseline | None:
        """For a figure that no model produced: the metric that it is shown beside."""
        if self.baseline_of is None or self.baseline_label is None:
            return None
        return Baseline(self.baseline_of, self.baseline_label, self.baseline_is_trivial)


class Judged(Protocol):
    """A metric, or what stands for one in a report."""

    @property
    def eval(self) -> str: ...
    @property
    def metric(self) -> str: ...
    @property
    def is_judged(self) -> bool: ...
    @property
    def baseline(self) -> Baseline | None: ...


M = TypeVar("M", bound=Judged)


def headlines(metrics: Iterable[M]) -> list[M]:
    """One metric of each eval: bits per byte if it has them, else the first that can be better or worse, else the first
    that a model produced."""
    chosen: dict[str, tuple[int, M]] = {}
    for metric in metrics:
        rank = 2 if metric.metric == LADDER_METRIC else 1 if metric.is_judged else 0
        if (rank or metric.baseline is None) and (metric.eval not in chosen or chosen[metric.eval][0] < rank):
            chosen[metric.eval] = (rank, metric)
    return [metric for _, metric in chosen.values()]
