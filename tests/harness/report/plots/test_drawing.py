"""Axes of shares, and names in the space that plots have for them."""

from __future__ import annotations

import pytest

from harness.report.plots.drawing import beside_row, legend_columns, right_height, share_axis
from harness.report.plots.style import new_figure, plotting


@pytest.mark.parametrize(
    ("highest", "top", "last"),
    [(0.02, 0.05, "5 %"), (0.2, 0.22, "20 %"), (0.6, 1.0, "100 %"), (1.0, 1.0, "100 %"), (0.0, 0.05, "5 %")],
)
def test_an_axis_of_shares_is_as_long_as_its_values_need(highest: float, top: float, last: str) -> None:
    with plotting():
        axes = new_figure(3.0).add_subplot()
        share_axis(axes.yaxis, highest)
        axes.plot([0, 1], [0, 0.01])  # what is drawn later does not move it
    assert axes.get_ylim() == pytest.approx((-0.03 * top, 1.03 * top))
    assert [label.get_text() for label in axes.get_yticklabels()][-1] == last


def test_long_names_take_several_lines_and_lose_nothing() -> None:
    assert beside_row("gru, learning_rate=0.001, num_params=20k") == "gru, learning_rate=0.001,\nnum_params=20k"
    assert beside_row("smoothing=modified_kneser_ney") == "smoothing=\nmodified_kneser_ney"


def test_names_of_several_lines_have_room() -> None:
    assert right_height(["a"] * 20, 1.0) == pytest.approx(5.0)  # 0.2 inches a line
    assert right_height(["a"] * 19 + ["a\nb"], 1.0) == pytest.approx(9.0)
    assert legend_columns(["a\nb" * 3] * 4) == legend_columns(["ba"] * 4)
