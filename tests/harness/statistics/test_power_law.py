"""The fit against the law that made the points, and against scipy's curve_fit."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import curve_fit

from harness.statistics.power_law import PowerLaw, fit_power_law

BUDGETS = [1e5, 3e5, 1e6, 3e6, 1e7, 3e7]


def test_points_of_a_law_give_the_law_and_no_error_of_what_is_left_out() -> None:
    law = fit_power_law(BUDGETS, list(PowerLaw(1.3, 40.0, 0.28).at(BUDGETS)))
    assert (law.irreducible, law.coefficient, law.exponent) == pytest.approx((1.3, 40.0, 0.28), rel=1e-3)
    assert law.left_out_error < 1e-4


def test_noisy_points_give_the_law_of_scipys_curve_fit() -> None:
    noise = 1 + 2e-4 * np.random.default_rng(0).standard_normal(len(BUDGETS))
    losses = PowerLaw(1.3, 40.0, 0.28).at(BUDGETS) * noise
    law = fit_power_law(BUDGETS, list(losses))

    def predicted(budgets: np.ndarray, log_e: float, log_a: float, exponent: float) -> np.ndarray:
        return np.asarray(np.log(np.exp(log_e) + np.exp(log_a - exponent * np.log(budgets))))

    start = (0.2, 3.0, 0.3)
    (log_e, log_a, exponent), _ = curve_fit(predicted, np.array(BUDGETS), np.log(losses), start, xtol=1e-12)
    found = (law.irreducible, law.coefficient, law.exponent)
    assert found == pytest.approx((np.exp(log_e), np.exp(log_a), exponent), rel=0.01)


def test_one_outlier_moves_the_law_little_and_shows_in_what_is_left_out() -> None:
    losses = PowerLaw(1.3, 40.0, 0.28).at(BUDGETS)
    losses[2] *= 1.2
    law = fit_power_law(BUDGETS, list(losses))
    assert law.left_out_error > 0.1
    assert np.abs(law.at(BUDGETS)[[0, 1, 3, 4, 5]] / losses[[0, 1, 3, 4, 5]] - 1).max() < 0.02


def test_fewer_than_four_budgets_are_refused() -> None:
    with pytest.raises(ValueError, match="3 budgets and 3 losses: 4 of both are needed"):
        fit_power_law(BUDGETS[:3], [3.0, 2.0, 1.0])
