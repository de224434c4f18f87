"""Strengths against scikit-learn's and statsmodels' logistic regression; intervals of ranks by simulation."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import statsmodels.api as sm
from sklearn.linear_model import LogisticRegression

from harness.statistics import ranking as module
from harness.statistics.ranking import Games, bradley_terry, ranking

WINS = np.array([[0, 3.5, 6, 1], [2.5, 0, 4, 2], [1, 2, 0, 0.5], [4, 3, 2.5, 0]])


def as_regression() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A row a pair and outcome: +1 and -1 for the two that play, who won, how often."""
    rows, won, counts = [], [], []
    for i, j in itertools.combinations(range(len(WINS)), 2):
        for outcome, count in ((1, WINS[i, j]), (0, WINS[j, i])):
            rows.append(np.eye(len(WINS))[i] - np.eye(len(WINS))[j])
            won.append(outcome)
            counts.append(count)
    return np.array(rows), np.array(won), np.array(counts)


def test_strengths_are_those_of_logistic_regression() -> None:
    rows, won, counts = as_regression()
    strengths = bradley_terry(WINS)
    fitted = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-10, max_iter=1000).fit(rows, won, counts)
    assert strengths == pytest.approx(fitted.coef_[0] - fitted.coef_[0].mean(), abs=1e-5)
    result = sm.GLM(won, rows[:, 1:], family=sm.families.Binomial(), freq_weights=counts).fit(tol=1e-14)
    of_statsmodels = np.concatenate([[0.0], result.params])
    assert strengths == pytest.approx(of_statsmodels - of_statsmodels.mean(), abs=1e-9)


def test_many_are_fitted_at_once_as_one_by_one() -> None:
    several = np.stack([WINS, WINS.T, WINS + 1 - np.eye(4)])
    assert bradley_terry(several) == pytest.approx(np.stack([bradley_terry(wins) for wins in several]))
    assert bradley_terry(WINS.T) == pytest.approx(-bradley_terry(WINS))


def test_each_eval_counts_as_one_whatever_its_size() -> None:
    """A wins on 3 of 4 clusters of one eval, and on 4 of 40 of another, with half a game for each side."""
    small = Games([np.array([[1.0, 1, 1, 0]]), np.full((1, 4), 0.5)], np.zeros(4, np.int64))
    large = Games([np.array([[1.0] * 4 + [0] * 36]), np.full((1, 40), 0.5)], np.zeros(40, np.int64))
    result = ranking([small, large])
    rate = (3.5 / 5 + 4.5 / 41) / 2
    assert result.win_rates == pytest.approx([rate, 1 - rate])
    assert result.strengths[0] - result.strengths[1] == pytest.approx(np.log(rate / (1 - rate)))
    assert list(result.ranks) == [2, 1]


def test_equal_values_share_the_game_and_equal_models_the_rank() -> None:
    games = Games([np.ones((1, 6)), np.ones((3, 6)), np.zeros((1, 6))], np.zeros(6, np.int64))
    result = ranking([games])
    assert list(result.ranks) == [1, 1, 3]
    assert list(result.rank_low) == list(result.rank_high) == [1, 1, 3]
    assert result.win_rates[0] == pytest.approx(0.5 * (0.5 + 6.5 / 7))


def test_a_model_whose_seeds_differ_has_a_wider_interval() -> None:
    generator = np.random.default_rng(0)
    common = generator.standard_normal(200)
    still, other = common + 0.1, common + generator.standard_normal(200)
    lucky = common + np.array([[-1.0], [0.0], [1.0]])
    result = ranking([Games([still[None], other[None], lucky], np.zeros(200, np.int64))])
    widths = result.high - result.low
    assert widths[2] > 2 * widths[1]


def test_intervals_hold_the_true_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four models near each other, three seeds: 95 % or more, where the ranks themselves are right less often."""
    monkeypatch.setattr(module, "NUM_RESAMPLES", 200)
    generator = np.random.default_rng(0)
    held, right = [], []
    for _ in range(60):
        values = [
            skill + 0.1 * generator.standard_normal((3, 1)) + 0.3 * generator.standard_normal((3, 40))
            for skill in (0.0, 0.1, 0.2, 0.4)
        ]
        result = ranking([Games(values, np.arange(40) % 2)])
        held.append((result.rank_low <= (4, 3, 2, 1)) & (result.rank_high >= (4, 3, 2, 1)))
        right.append(result.ranks == (4, 3, 2, 1))
    assert np.mean(held) >= 0.95
    assert np.mean(right) < 0.95
