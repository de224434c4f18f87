from __future__ import annotations

import numpy as np
import pytest

from harness.dashboard.crossings import crossing, last_crossing, mean_curve

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


def test_two_lines_cross_where_they_are_equal() -> None:
    assert last_crossing(line(-2, 5), line(-1, 3.5)) == pytest.approx(1.5)  # 5 - 2x = 3.5 - x
    assert last_crossing(line(-1, 3.5), line(-2, 5)) is None  # it ends above
    assert last_crossing(line(0, 1), line(0, 2)) is None
    assert last_crossing((X[:1], X[:1]), line(0, 2)) is None


def test_the_range_is_over_all_pairs_of_seeds() -> None:
    # 5 - 2x and 5.4 - 2x against 3.5 - x and 2.1 - x: at 1.5, 2.9, 1.9 and 3.3, which is beyond the end; means at 2.4
    crossed = crossing([line(-2, 5), line(-2, 5.4)], [line(-1, 3.5), line(-1, 2.1)])
    assert crossed is not None
    assert (crossed.low, crossed.at, crossed.high) == pytest.approx((1.5, 2.4, 2.9))
    assert (crossed.num_crossed, crossed.num_pairs) == (3, 4)
    crossed = crossing([line(-2, 5), line(-2, 5.5)], [line(-1, 3.5)])
    assert crossed is not None
    assert (crossed.low, crossed.at, crossed.high) == pytest.approx((1.5, 1.75, 2.0))
    assert (crossed.num_crossed, crossed.num_pairs) == (2, 2)
