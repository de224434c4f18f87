from __future__ import annotations

import pytest

from harness.dashboard.charts.scales import Axis


def test_a_linear_axis_puts_the_middle_in_the_middle() -> None:
    axis = Axis(0, 10, 100, 300)
    assert [axis.at(value) for value in (0, 5, 10)] == [100, 200, 300]
    assert [text for _, text in axis.ticks(5)] == ["0", "2", "4", "6", "8", "10"]


def test_a_logarithmic_axis_puts_equal_factors_at_equal_steps() -> None:
    axis = Axis(1, 100, 0, 200, is_log=True)
    assert [round(axis.at(value)) for value in (1, 10, 100)] == [0, 100, 200]
    assert axis.at(0) == axis.at(-5) == 0
    assert tuple(text for _, text in Axis(0.9, 110, 0, 200, is_log=True).ticks(3)) == ("1", "10", "100")


def test_an_axis_of_roots_begins_at_nothing() -> None:
    axis = Axis(0, 4, 0, 100, is_root=True)
    assert [axis.at(value) for value in (0, 1, 4)] == [0, 50, 100]
    assert axis.ticks()[0][0] == 0


@pytest.mark.parametrize(
    "values", [[], [3.0], [3.0, 3.0], [0.0], [-1.0, 1e9], [float("nan"), 2.0], [1e-250, 1e250], [float("inf"), 1]]
)
@pytest.mark.parametrize("is_log", [True, False])
def test_any_values_make_an_axis(values: list[float], is_log: bool) -> None:
    axis = Axis.around(values, 0, 100, is_log)
    assert axis.high > axis.low
    ticks = axis.ticks()
    assert 1 <= len(ticks) <= 15
    for value in values:
        if value == value and abs(value) < 1e308 and (value > 0 or not is_log):
            assert 0 <= axis.at(value) <= 100
            assert axis.shows(value)
