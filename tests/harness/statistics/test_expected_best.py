"""The expected best of some trials, against an exhaustive computation over all draws."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from harness.statistics.expected_best import expected_lowest, expected_lowest_band


@pytest.mark.parametrize("values", [[3.0, 1.0, 2.0], [2.0, 2.0, 5.0, 1.5], [4.0]])
def test_it_is_the_mean_of_the_lowest_over_all_draws_with_replacement(values: list[float]) -> None:
    for n, expected in enumerate(expected_lowest(values, 4), start=1):
        assert expected == pytest.approx(np.mean([min(draw) for draw in itertools.product(values, repeat=n)]))


def test_it_is_the_published_formula() -> None:
    # Dodge et al. 2019, equation 4: the sum over values v of v * (P(V <= v)^n - P(V < v)^n), of a highest value
    values = np.array([0.61, 0.3, 0.72, 0.72, 0.55])
    for n, expected in enumerate(expected_lowest(list(-values), 6), start=1):
        total = sum(v * (np.mean(values <= v) ** n - np.mean(values < v) ** n) for v in np.unique(values))
        assert -expected == pytest.approx(total)


def test_trials_without_a_value_are_drawn_and_never_the_lowest() -> None:
    values = [3.0, None, 1.0, None]
    for n, expected in enumerate(expected_lowest(values, 4), start=1):
        draws = [[value for value in draw if value is not None] for draw in itertools.product(values, repeat=n)]
        assert expected == pytest.approx(np.mean([min(draw) for draw in draws if draw]))
    assert np.isnan(expected_lowest([None, None], 3)).all()


def test_the_band_covers_the_true_expected_best_about_as_often_as_it_says() -> None:
    """Of five draws from a uniform distribution the expected lowest is 1 / 6."""
    covered = []
    for seed in range(100):
        values = list(np.random.default_rng(seed).uniform(size=60))
        low, high = expected_lowest_band(values, 5, seed)
        covered.append(low[4] <= 1 / 6 <= high[4])
    assert stats.binomtest(sum(covered), len(covered), 0.95).pvalue > 0.001


def test_the_band_of_one_trial_is_its_value() -> None:
    low, high = expected_lowest_band([2.0], 1, seed=0)
    assert low == high == [2.0]
