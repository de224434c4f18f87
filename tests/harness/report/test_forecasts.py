from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from harness.report.comparison import Comparison
from harness.report.forecasts import calibration, forecasts
from tests.harness.report import forecasts as made


@pytest.mark.parametrize("seed", range(5))
def test_calibration_is_scikit_learns(seed: int) -> None:
    draws = np.random.default_rng(seed)
    probability = draws.random(500) ** 3
    if seed == 4:
        probability = np.round(probability, 1)  # ties
    happened = (draws.random(500) < probability).astype(float)
    share, mean = calibration_curve(happened, probability, n_bins=10, strategy="quantile")
    ours = calibration(happened, probability)
    np.testing.assert_allclose(ours[0], mean)
    np.testing.assert_allclose(ours[1], share)


def test_forecasts_are_found_by_their_names(small: Path, compare: Callable[[Path], Comparison]) -> None:
    made.add(small)
    [forecast] = forecasts(compare(small))
    assert (forecast["eval"], forecast["event"]) == ("turn_taking", "rain")
    assert set(forecast["calibration"]) == {"ngram", "rnn"}
    assert forecast["calibration"]["rnn"] == [pytest.approx([0.9, forecast["calibration"]["rnn"][0][1]])]
    assert forecast["positions"] == {"ngram": [], "rnn": []}  # their ids name no position
