"""The jackknife of a mean is the textbook's standard error, and its intervals have the right coverage."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats

from harness.statistics.leave_one_out import jackknife


def average(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if len(values) else None


def test_of_a_mean_it_gives_student_s_interval() -> None:
    values = np.random.default_rng(0).normal(size=30).tolist()
    estimate = jackknife(average, values, list(range(30)), "nothing")
    assert estimate.stderr == pytest.approx(np.std(values, ddof=1) / math.sqrt(30))
    low, high = stats.t.interval(0.95, 29, loc=np.mean(values), scale=stats.sem(values))
    assert (estimate.ci_low, estimate.ci_high) == pytest.approx((low, high))
    assert (estimate.n, estimate.n_total, estimate.reason) == (30, 30, None)


def test_clusters_are_left_out_whole() -> None:
    values = np.random.default_rng(1).normal(size=12).tolist()
    clusters = ["a", "b", "c", "d", "e", "f"] * 2
    by_cluster = [np.mean([values[i], values[i + 6]]) for i in range(6)]
    estimate = jackknife(average, values, clusters, "nothing")
    assert estimate.stderr == pytest.approx(np.std(by_cluster, ddof=1) / math.sqrt(6))


def test_ninety_five_percent_of_the_intervals_contain_the_truth() -> None:
    generator = np.random.default_rng(2)

    def logarithm_of_the_mean(values: Sequence[float]) -> float:
        return math.log(np.mean(values))

    held = 0
    for _ in range(400):
        values = generator.exponential(size=40).tolist()
        estimate = jackknife(logarithm_of_the_mean, values, list(range(40)), "nothing")
        assert estimate.ci_low is not None
        assert estimate.ci_high is not None
        held += estimate.ci_low <= 0 <= estimate.ci_high
    assert 0.91 <= held / 400 <= 0.98


def test_a_value_that_cannot_be_computed_is_missing_with_a_reason() -> None:
    assert jackknife(lambda values: None, [1.0], ["a"], "too few").reason == "too few"
    assert jackknife(average, [], [], "too few").reason == "no samples"
    alone = jackknife(average, [1.0, 2.0], ["a", "a"], "too few")
    assert (alone.value, alone.ci_low) == (1.5, None)
    assert "one cluster" in str(alone.reason)
    lopsided = jackknife(lambda values: 1.0 if 2.0 in values else None, [1.0, 2.0, 3.0, 4.0, 5.0], "abcde", "too few")
    assert (lopsided.value, lopsided.ci_low) == (1.0, None)
    assert "without one of its clusters" in str(lopsided.reason)
    few = jackknife(average, [1.0, 2.0], ["a", "b"], "too few")
    assert (few.ci_low, few.reason) == (None, "only 2 clusters: no interval, which takes 5")
    with pytest.raises(ValueError, match="2 samples and 1 clusters"):
        jackknife(average, [1.0, 2.0], ["a"], "too few")
