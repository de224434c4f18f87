"""Estimates that follow from other estimates, or from a standard error that was computed elsewhere."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from harness.statistics.estimate import Estimate, Z
from harness.statistics.spread import Uncertainty, Variance


def mapped(estimate: Estimate, function: Callable[[float], float], impossible: str) -> Estimate:
    """A monotone function of an estimate: the ends of its interval are mapped, its standard error isn't known.

    impossible: the estimate's reason where the function has no value (it divides by zero, or the value is too large for
    a float).
    """
    try:
        value, *ends = (
            None if number is None else function(number)
            for number in (estimate.value, estimate.ci_low, estimate.ci_high)
        )
    except ArithmeticError:
        return Estimate(None, estimate.n, estimate.n_total, reason=impossible)
    known = [end for end in ends if end is not None]
    low, high = (min(known), max(known)) if known else (None, None)
    return replace(estimate, value=value, stderr=None, ci_low=low, ci_high=high)


def shifted(estimate: Estimate, amount: float) -> Estimate:
    """An estimate plus a known amount."""
    value, low, high = (
        None if number is None else number + amount for number in (estimate.value, estimate.ci_low, estimate.ci_high)
    )
    return replace(estimate, value=value, ci_low=low, ci_high=high)


def cut(estimate: Estimate, least: float, most: float) -> Estimate:
    """An estimate whose interval ends where its values do; unchanged where its own value lies outside."""
    if estimate.value is None or not least <= estimate.value <= most:
        return estimate
    low, high = estimate.ci_low, estimate.ci_high
    return replace(
        estimate, ci_low=None if low is None else max(low, least), ci_high=None if high is None else min(high, most)
    )


def without_interval(value: float | None, n: int, reason: str, reason_if_none: str) -> Estimate:
    """A statistic of n samples for which no interval can be given, and why; reason_if_none: why there is no value."""
    if value is None:
        return Estimate(None, 0, n, reason=reason_if_none if n else "no samples")
    return Estimate(value, n, n, reason=reason)


def from_standard_error(value: float, stderr: float, n: int, reason: str | None = None) -> Estimate:
    """The normal 95 % interval around a value of n samples with this standard error."""
    return Estimate(value, n, n, stderr, value - Z * stderr, value + Z * stderr, reason)


def mean_of_seeds(seeds: Sequence[Estimate], reason: str | None = None) -> Estimate:
    """The mean over S >= 2 seeds where only each seed's estimate is known, not the samples: for medians, for example.

    Its variance is that of the seeds' mean plus the samples' own, which all seeds share and no seed averages away.
    There is no interval where a seed has none.
    """
    values = np.array([seed.value for seed in seeds], dtype=np.float64)
    value, sd_seeds = float(values.mean()), float(values.std(ddof=1))
    n, n_total = sum(seed.n for seed in seeds), sum(seed.n_total for seed in seeds)
    if any(seed.stderr is None for seed in seeds):
        reasons = "; ".join(sorted({known for known in (reason, *(seed.reason for seed in seeds)) if known}))
        return Estimate(value, n, n_total, reason=reasons or None, sd_seeds=sd_seeds)
    within = Variance(((float(np.mean([(seed.stderr or 0.0) ** 2 for seed in seeds])), math.inf),))
    uncertainty = Uncertainty(within, Variance(((sd_seeds**2 / len(values), len(values) - 1.0),)))
    ends = (value - uncertainty.half_width, value + uncertainty.half_width)
    return Estimate(
        value,
        n,
        n_total,
        uncertainty.stderr,
        *ends,
        reason,
        df=uncertainty.known_df,
        stderr_samples=math.sqrt(within.total),
        sd_seeds=sd_seeds,
    )
