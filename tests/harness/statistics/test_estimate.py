"""Reasons for missing intervals, and warnings for rough ones."""

from __future__ import annotations

import pytest
from scipy import stats

from harness.statistics.estimate import CONFIDENCE, Estimate, Z, caution, no_interval


def test_the_factor_of_a_normal_interval_is_scipy_s() -> None:
    assert stats.norm.interval(CONFIDENCE)[1] == pytest.approx(Z, abs=1e-12)


def test_one_sample_and_one_cluster_are_told_apart() -> None:
    assert no_interval(1) == "one sample: no interval"
    assert no_interval(7) == "all samples are in one cluster: no interval"


def test_few_clusters_are_warned_of_and_many_are_not() -> None:
    assert [caution(number) is None for number in (2, 4, 5, 100)] == [False, False, True, True]
    assert "only 4 clusters" in str(caution(4))


def test_an_estimate_of_a_value_alone_claims_no_interval() -> None:
    estimate = Estimate(0.5, 1, 2)
    assert (estimate.stderr, estimate.ci_low, estimate.ci_high, estimate.reason) == (None, None, None, None)
