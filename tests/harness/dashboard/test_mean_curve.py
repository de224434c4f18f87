from __future__ import annotations

import numpy as np

from harness.dashboard.mean_curve import mean_curve

X = np.array([0.0, 1.0, 2.0, 3.0])


def line(slope: float, start: float, x: np.ndarray = X) -> tuple[np.ndarray, np.ndarray]:
    return x, start + slope * x


def test_the_mean_of_lines_is_a_line_with_its_range() -> None:
    mean = mean_curve([line(-1, 4), line(-1, 6)])
    np.testing.assert_allclose(mean.y, 5 - X)
    np.testing.assert_allclose((mean.low, mean.high), (4 - X, 6 - X))


def test_seeds_with_other_places_are_met_in_between() -> None:
    mean = mean_curve([line(-1, 4), line(-1, 4, np.array([0.5, 1.5, 2.5]))])
    np.testing.assert_allclose(mean.x, [0.5, 1, 1.5, 2, 2.5])
    np.testing.assert_allclose(mean.y, 4 - mean.x)
