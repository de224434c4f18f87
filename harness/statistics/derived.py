"""Estimates that follow from other estimates, or from a standard error that was computed elsewhere."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from harness.statistics.estimate import CONFIDENCE, Estimate, Z


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


def from_standard_error(value: float, stderr: float, n: int, reason: str | None = None) -> Estimate:
    """The normal 95 % interval around a value of n samples with this standard error."""
    return Estimate(value, n, n, stderr, value - Z * stderr, value + Z * stderr, reason)


def mean_of_seeds(seeds: Sequence[Estimate], reason: str | None = None) -> Estimate:
    """The mean over S >= 2 seeds where only each seed's estimate is known, not the samples: for medians, for example.

    Its variance is that of the seeds' mean plus the samples' own, which all seeds share and no seed averages away. The
    interval is Student's t of the first (S - 1 degrees of freedom) and normal of the second.
    """
    values = np.array([seed.value for seed in seeds], dtype=np.float64)
    from scipy.special import stdtrit  # only where it is needed: settings are checked without scipy

    errors = np.array([seed.stderr or 0.0 for seed in seeds])
    between = float(values.std(ddof=1)) / math.sqrt(len(values))
    within = math.sqrt(float((errors**2).mean()))
    half_width = math.hypot(float(stdtrit(len(values) - 1, 0.5 + CONFIDENCE / 2)) * between, Z * within)
    value = float(values.mean())
    n, n_total = sum(seed.n for seed in seeds), sum(seed.n_total for seed in seeds)
    return Estimate(value, n, n_total, math.hypot(between, within), value - half_width, value + half_width, reason)
