"""Reasons for missing intervals."""

from __future__ import annotations

import pytest
from scipy import stats

from harness.statistics.estimate import CONFIDENCE, Estimate, Z, no_interval


def test_the_factor_of_a_normal_interval_is_scipy_s() -> None:
    assert stats.norm.interval(CONFIDENCE)[1] == pytest.approx(Z, abs=1e-12)


def test_one_sample_and_one_cluster_are_told_apart() -> None:
    assert no_interval(1) == "one sample: no interval"
    assert no_interval(7) == "all samples are in one cluster: no interval"


def test_few_clusters_have_no_interval_and_many_have_one() -> None:
    assert [no_interval(100, number) is None for number in (1, 2, 4, 5, 100)] == [False, False, False, True, True]
    assert no_interval(100, 4) == "only 4 clusters: no interval, which takes 5"


def test_an_estimate_of_a_value_alone_claims_no_interval() -> None:
    estimate = Estimate(0.5, 1, 2)
    assert (estimate.stderr, estimate.ci_low, estimate.ci_high, estimate.reason) == (None, None, None, None)
