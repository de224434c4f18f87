"""How well ratings are predicted, against scikit-learn and by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, brier_score_loss, log_loss

from harness.preferences.quality import calibration, calibration_error, compared, predicted_by, quality
from tests.harness.ratings.made import rating, world

RATINGS, GOLD = world(400)
SAID = np.array([each.p for each in RATINGS], dtype=float)
PREDICTED = np.clip(np.array([GOLD[each.pair.id].p for each in RATINGS]) + 0.1, 0.01, 0.99)


def test_measures_are_those_of_scikit_learn() -> None:
    told = quality(PREDICTED, RATINGS)
    assert told.accuracy.value == pytest.approx(accuracy_score(SAID, PREDICTED > 0.5))
    assert told.brier.value == pytest.approx(brier_score_loss(SAID, PREDICTED))
    assert told.log_loss.value == pytest.approx(log_loss(SAID, PREDICTED))
    for estimate in (told.accuracy, told.brier, told.log_loss):
        assert estimate.ci_low is not None
        assert estimate.value is not None
        assert estimate.ci_high is not None
        assert estimate.ci_low < estimate.value < estimate.ci_high


def test_ties_count_by_what_they_say() -> None:
    ratings = [rating("x", choice="tie"), rating("y", choice="a"), rating("z", choice="b")]
    told = quality(np.array([0.5, 0.5, 0.25]), ratings)
    assert told.accuracy.value == pytest.approx((0.5 + 1) / 2)
    assert told.brier.value == pytest.approx((0 + 0.25 + 0.0625) / 3)
    assert told.log_loss.value == pytest.approx(-(np.log(0.5) + np.log(0.5) + np.log(0.75)) / 3)


def test_a_certainty_that_was_wrong_is_no_infinity() -> None:
    assert np.isfinite(quality(np.array([1.0]), [rating(choice="b")]).log_loss.value or np.inf)


def test_the_calibration_error_is_that_of_bins_by_hand() -> None:
    predicted = np.repeat([0.2, 0.8], 100)
    said = np.concatenate([np.repeat([1, 0], [30, 70]), np.repeat([1, 0], [75, 25])]).astype(float)
    bins = calibration(predicted, said)
    assert bins == [(pytest.approx(0.2), 0.3, 100), (pytest.approx(0.8), 0.75, 100)]
    assert calibration_error(bins) == pytest.approx((0.1 + 0.05) / 2)
    assert calibration_error(calibration(predicted[:50], said[:50])) == pytest.approx(
        0.4
    )  # too few for two bins: 30 of 50 won
    rng = np.random.default_rng(0)
    p = rng.random(100_000)
    assert calibration_error(calibration(p, (rng.random(100_000) < p).astype(float))) < 0.005
    told = quality(PREDICTED, RATINGS)
    assert told.ece == calibration_error(told.calibration)
    assert told.facts("bayes_")["bayes_calibration"] == [list(each) for each in told.calibration]


def test_scores_are_log_odds() -> None:
    assert predicted_by(np.array([1.0, 5000.0]), np.array([1.0, 0.0])).tolist() == [0.5, 1.0]
    assert predicted_by(np.array([2.0]), np.array([1.0]))[0] == pytest.approx(1 / (1 + np.exp(-1)))


def test_a_line_says_what_was_possible() -> None:
    facts = {"accuracy": 0.7, "accuracy_low": 0.6, "held_out": 1200, "longer_wins": 0.6}
    said = "it is right in 70.0 % of 1,200 ratings that it didn't learn from"
    assert compared(facts) == f"{said}, who picks the longer reply in 60.0 %"
    assert compared({**facts, "longer_wins": None}) == said
    assert compared({**facts, "accuracy": None}) == "all 1,200 ratings that it didn't learn from are ties"
    assert f"{said}, the rater's own probabilities in 75.0 %" in compared({**facts, "bayes_accuracy": 0.75})


@pytest.mark.parametrize("low", [None, 0.2, 0.5])
def test_a_model_that_may_be_no_better_than_a_coin_is_said_to_be_so(low: float | None) -> None:
    facts = {"accuracy": 0.7, "accuracy_low": low, "held_out": 6, "longer_wins": 0.5}
    assert compared(facts).endswith("It isn't shown to be better than a coin: get more ratings")


def test_facts_are_plain_values() -> None:
    facts = quality(PREDICTED, RATINGS).facts("x_")
    assert facts.keys() == {f"x_{m}{e}" for m in ("accuracy", "brier", "log_loss") for e in ("", "_low", "_high")} | {
        "x_ece",
        "x_calibration",
    }
    assert json.loads(json.dumps(facts)) == facts
