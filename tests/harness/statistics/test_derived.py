"""Estimates that follow from others, against scipy and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

from harness.statistics.derived import cut, from_standard_error, mapped, mean_of_seeds, shifted, without_interval
from harness.statistics.estimate import Estimate
from harness.statistics.intervals import mean, ratio_of_totals

BITS = Estimate(2.0, 7, 9, 0.1, 1.5, 3.0, "only 3 clusters: the interval is rough")


def test_a_monotone_function_maps_the_value_and_the_ends_and_keeps_the_counts_and_the_reason() -> None:
    powers = mapped(BITS, lambda bits: 2**bits, "too large")
    assert powers == Estimate(4.0, 7, 9, None, pytest.approx(2.8284271247461903), 8.0, BITS.reason)


def test_a_falling_function_turns_the_ends_around() -> None:
    assert mapped(BITS, lambda bits: 6 / bits, "") == Estimate(3.0, 7, 9, None, 2.0, 4.0, BITS.reason)


def test_an_interval_ends_where_values_do() -> None:
    assert cut(BITS, 1.8, 2.5) == Estimate(2.0, 7, 9, 0.1, 1.8, 2.5, BITS.reason)
    assert cut(BITS, 0.0, math.inf) == BITS
    assert cut(BITS, 2.1, math.inf) == BITS  # the bound is wrong, or the value is
    assert cut(Estimate(2.0, 1, 1), 0.0, 1.0) == Estimate(2.0, 1, 1)
    assert cut(Estimate(None, 0, 1, reason="none"), 0.0, 1.0).reason == "none"


def test_what_has_no_interval_or_no_value_has_none_after_it() -> None:
    assert mapped(Estimate(2.0, 1, 1, reason="one sample"), math.exp, "") == Estimate(
        math.exp(2.0), 1, 1, reason="one sample"
    )
    missing = Estimate(None, 0, 4, reason="every value is missing")
    assert mapped(missing, math.exp, "too large") == missing
    assert shifted(missing, 1.0) == missing


@pytest.mark.parametrize(
    ("bits", "function"),
    [
        (Estimate(5_000.0, 3, 3), lambda bits: 2**bits),
        (Estimate(1.0, 3, 3, 1.0, 0.5, 5_000.0), math.exp),
        (Estimate(0.0, 3, 3), lambda bits: 8 / bits),
        (Estimate(1.0, 3, 3, 1.0, 0.0, 2.0), lambda bits: 8 / bits),
    ],
)
def test_where_the_value_or_an_end_can_not_be_mapped_there_is_a_reason(bits: Estimate, function: object) -> None:
    assert mapped(bits, function, "beyond floats") == Estimate(None, 3, 3, reason="beyond floats")  # type: ignore[arg-type]


def test_the_interval_of_an_exponential_is_near_scipy_s_bootstrap_of_the_exponential() -> None:
    draws = np.random.default_rng(3)
    nats, tokens = draws.gamma(3, 40, 600), draws.integers(20, 60, 600).astype(float)
    ours = mapped(ratio_of_totals(nats, tokens), math.exp, "")
    theirs = scipy.stats.bootstrap(
        (nats, tokens),
        lambda top, bottom, axis: np.exp(top.sum(axis=axis) / bottom.sum(axis=axis)),
        paired=True,
        method="percentile",
        n_resamples=5_000,
        rng=np.random.default_rng(0),
    ).confidence_interval
    assert ours.value == pytest.approx(math.exp(nats.sum() / tokens.sum()))
    assert (ours.ci_low, ours.ci_high) == pytest.approx((theirs.low, theirs.high), rel=0.02)


def test_a_known_amount_moves_the_interval_and_not_the_standard_error() -> None:
    assert shifted(BITS, 0.5) == Estimate(2.5, 7, 9, 0.1, 2.0, 3.5, BITS.reason)
    values = np.random.default_rng(1).normal(size=40)
    moved, of_moved = shifted(mean(values), 3.0), mean(values + 3.0)
    assert (moved.value, moved.ci_low, moved.ci_high) == pytest.approx(
        (of_moved.value, of_moved.ci_low, of_moved.ci_high)
    )


def test_the_interval_from_a_standard_error_is_scipy_s_normal_one() -> None:
    ours = from_standard_error(0.3, 0.04, 50, "somebody else's")
    low, high = scipy.stats.norm.interval(0.95, loc=0.3, scale=0.04)
    assert ours == Estimate(0.3, 50, 50, 0.04, pytest.approx(low), pytest.approx(high), "somebody else's")


@pytest.mark.parametrize("num_seeds", [2, 3, 5, 12, 40])
def test_seeds_that_are_exact_have_scipy_s_t_interval(num_seeds: int) -> None:
    values = np.random.default_rng(num_seeds).normal(10, 2, num_seeds)
    ours = mean_of_seeds([Estimate(value, 7, 9, 0.0, value, value) for value in values])
    theirs = scipy.stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (ours.ci_low, ours.ci_high) == pytest.approx((theirs.low, theirs.high), rel=1e-9)
    assert ours.value == pytest.approx(values.mean())
    assert ours.stderr == pytest.approx(scipy.stats.sem(values))
    assert (ours.n, ours.n_total) == (7 * num_seeds, 9 * num_seeds)
    assert ours.df == pytest.approx(num_seeds - 1)
    assert ours.sd_seeds == pytest.approx(np.std(values, ddof=1))


def test_where_a_seed_has_no_interval_the_mean_has_none_and_says_why() -> None:
    ours = mean_of_seeds([Estimate(1.0, 4, 4, reason="one sample"), Estimate(2.0, 4, 4, 0.1, 1.8, 2.2)], "summaries")
    assert (ours.value, ours.ci_low, ours.stderr, ours.reason) == (1.5, None, None, "one sample; summaries")


def test_a_statistic_without_an_interval_says_why() -> None:
    assert without_interval(0.5, 3, "no interval: so", "none") == Estimate(0.5, 3, 3, reason="no interval: so")
    assert without_interval(None, 3, "no interval: so", "too few words").reason == "too few words"
    assert without_interval(None, 0, "no interval: so", "too few words").reason == "no samples"


def test_seeds_that_agree_keep_the_samples_own_uncertainty_whole() -> None:
    ours = mean_of_seeds([Estimate(10.0, 4, 4, stderr) for stderr in (1.0, 7.0)], "summaries")
    low, high = scipy.stats.norm.interval(0.95, loc=10.0, scale=5.0)  # the root of (1 + 49) / 2
    assert (ours.value, ours.n, ours.reason, ours.sd_seeds) == (10.0, 8, "summaries", 0.0)
    assert (ours.stderr, ours.ci_low, ours.ci_high) == pytest.approx((5.0, low, high))


def test_both_kinds_of_uncertainty_add_as_squares() -> None:
    ours = mean_of_seeds([Estimate(value, 4, 4, 1.5) for value in (9.0, 10.0, 14.0)])
    assert ours.value == pytest.approx(11.0)
    assert ours.stderr == pytest.approx(math.sqrt(7 / 3 + 1.5**2))  # the variance of 9, 10 and 14 is 7
    t, z = scipy.stats.t.ppf(0.975, 2), scipy.stats.norm.ppf(0.975)
    assert ours.ci_high == pytest.approx(11 + math.sqrt(t**2 * 7 / 3 + (z * 1.5) ** 2))
