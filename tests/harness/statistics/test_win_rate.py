"""Win rates, against statsmodels and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from harness.statistics.intervals import mean
from harness.statistics.win_rate import at_equal_length, win_rate, wins


def made(num_clusters: int, of_each: int, intercept: float, slope: float, seed: int = 0) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    longer = rng.normal(20, 30, num_clusters * of_each)
    p = 1 / (1 + np.exp(-(intercept + slope * longer)))
    won = (rng.random(len(longer)) < p).astype(float)
    won[::7] = 0.5
    return won, longer, np.repeat([f"c{number}" for number in range(num_clusters)], of_each)


def test_wins_are_counted_and_ties_are_halves() -> None:
    first, second = np.array([[1.0, 2.0, 2.0, np.nan]]), np.array([[0.0, 2.0, 3.0, 1.0]])
    assert wins(first, second)[0, :3].tolist() == [1, 0.5, 0]
    assert np.isnan(wins(first, second)[0, 3])


def test_the_rate_is_the_mean_with_the_mean_s_interval() -> None:
    won, _, clusters = made(30, 4, 0.5, 0)
    rate, expected = win_rate(won[None], clusters, seeds_vary=False), mean(won, clusters)
    assert (rate.value, rate.ci_low, rate.ci_high) == (expected.value, expected.ci_low, expected.ci_high)


@pytest.mark.parametrize(("intercept", "slope"), [(0.0, 0.03), (1.0, -0.01), (-0.5, 0.0)])
def test_at_equal_length_it_is_the_intercept_of_a_logistic_regression(intercept: float, slope: float) -> None:
    won, longer, clusters = made(60, 5, intercept, slope)
    estimate = at_equal_length(won[None], longer[None], list(clusters))
    model = sm.GLM(won, sm.add_constant(longer), family=sm.families.Binomial())
    fitted = model.fit(cov_type="cluster", cov_kwds={"groups": np.unique(clusters, return_inverse=True)[1]})
    assert estimate.value == pytest.approx(1 / (1 + np.exp(-fitted.params[0])), abs=1e-9)
    assert estimate.value is not None
    assert estimate.stderr is not None
    by_delta = fitted.bse[0] * estimate.value * (1 - estimate.value)
    assert estimate.stderr == pytest.approx(by_delta, rel=0.1)
    assert estimate.ci_low is not None
    assert estimate.ci_high is not None
    assert estimate.ci_low < 1 / (1 + np.exp(-intercept)) < estimate.ci_high


def test_a_model_that_wins_by_its_length_alone_wins_half_at_equal_length() -> None:
    won, longer, clusters = made(200, 5, 0.0, 0.08, seed=1)
    estimate = at_equal_length(won[None], longer[None], list(clusters))
    assert won.mean() > 0.65
    assert estimate.value == pytest.approx(0.5, abs=0.07)


def test_seeds_are_averaged_and_what_has_no_value_says_so() -> None:
    one, longer, clusters = made(30, 4, 0.5, 0.01)
    other = made(30, 4, 1.0, 0.01, seed=2)[0]
    alone = [at_equal_length(each[None], longer[None], list(clusters)).value for each in (one, other)]
    both = at_equal_length(np.stack([one, other]), np.stack([longer, longer]), list(clusters))
    assert both.value == pytest.approx(np.mean(alone))  # type: ignore[arg-type]
    separable = at_equal_length((longer[None] > 0).astype(float), longer[None], list(clusters))
    assert separable.value is None
    assert "no win rate at equal length" in str(separable.reason)
    same = np.zeros_like(longer)
    assert at_equal_length(one[None], same[None], list(clusters)).value == pytest.approx(one.mean())
