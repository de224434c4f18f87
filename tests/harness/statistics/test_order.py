"""Kendall's tau against scipy's, and its interval over seeds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from harness.statistics.order import agreement, kendall_tau


@pytest.mark.parametrize("seed", range(5))
def test_tau_is_scipys_with_and_without_ties(seed: int) -> None:
    generator = np.random.default_rng(seed)
    for a, b in (generator.normal(size=(2, 9)), generator.integers(0, 4, size=(2, 9)).astype(float)):
        assert kendall_tau(a, b) == pytest.approx(stats.kendalltau(a, b).statistic, abs=1e-12)


def test_the_order_of_means_has_an_interval_over_seeds() -> None:
    early = [np.array([1.0, 1.1, 0.9]), np.array([2.0, 2.1, 1.9]), np.array([3.0, 3.1, 2.9])]
    same = agreement(early, [own + 5 for own in early])
    assert (same.value, same.ci_low, same.ci_high) == (1.0, 1.0, 1.0)
    late = [np.array([1.0, 3.0, 2.0]), np.array([2.0, 1.0, 2.5]), np.array([3.0, 3.1, 2.9])]
    doubtful = agreement(early, late)
    assert doubtful.value == pytest.approx(1 / 3)
    assert doubtful.ci_low is not None
    assert doubtful.ci_high is not None
    assert doubtful.ci_low <= 1 / 3 < doubtful.ci_high == 1.0


def test_one_seed_has_no_interval_and_equal_values_no_tau() -> None:
    early = [np.array([1.0]), np.array([2.0]), np.array([3.0])]
    assert agreement(early, early).reason == "one seed: no interval"
    assert agreement([np.ones(1)] * 3, early).value is None
