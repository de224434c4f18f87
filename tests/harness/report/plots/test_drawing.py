"""Names are made to fit beside and below a plot, and nothing is lost that tells two of them apart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.report.comparison import ANY_DECODING, Cell, Comparison, MeasureKey
from harness.report.plots.drawing import (
    banded_line,
    beside_row,
    label,
    legend_columns,
    measured,
    points,
    right_height,
    row_height,
    share_axis,
)
from harness.report.plots.style import Look, new_figure, plotting
from harness.statistics.estimate import Estimate


def test_a_long_name_loses_its_middle_and_keeps_both_ends() -> None:
    assert label("a" * 26) == "a" * 26
    shown = label("transformer, learning_rate=0.001, seed=3")
    assert shown == "transformer,…e=0.001, seed=3"[:12] + "…" + "rate=0.001, seed=3"[-13:]
    assert len(shown) == 26


def test_a_name_beside_a_row_is_broken_at_its_spaces_and_no_line_is_long() -> None:
    name = "ngram, order=3, smoothing=kneser_ney, keep_counts=true"
    lines = beside_row(name).split("\n")
    assert " ".join(lines) == name
    assert max(map(len, lines)) <= 26
    assert row_height([beside_row(name), "short"], 0.3) == pytest.approx(0.3 + 0.15 * (len(lines) - 1))
    assert row_height([], 0.3) == 0.3


def test_a_word_longer_than_a_line_is_shortened() -> None:
    assert len(beside_row("x" * 40)) == 26


@pytest.mark.parametrize(
    ("names", "num_columns"),
    # 4.5 inches wide; a name takes 0.37 and 0.071 a letter
    [(["a"] * 9, 4), (["a"] * 2, 2), (["a" * 10] * 9, 4), (["a" * 11] * 9, 3), (["a" * 60] * 3, 1), ([], 1)],
)
def test_as_many_names_stand_side_by_side_as_fit(names: list[str], num_columns: int) -> None:
    assert legend_columns(names) == num_columns


def test_points_stand_at_the_values_and_lines_span_the_intervals(
    small: Path, compare: Callable[[Path], Comparison]
) -> None:
    comparison = compare(small)
    assert comparison.ladder is not None
    rows = measured(comparison, ANY_DECODING, comparison.ladder)
    assert [system for system, _ in rows] == ["rnn", "ngram"]
    cells = [cell for _, cell in rows]
    axes = new_figure(2).add_subplot()
    points(axes, cells, [0, 1], Look("#000000", "o"), across=True, size=4)
    assert list(axes.lines[0].get_xdata()) == [cell.estimate.value for cell in cells]
    assert list(axes.lines[0].get_ydata()) == [0, 1]
    spans = [tuple(segment[:, 0]) for segment in axes.collections[0].get_segments()]
    assert spans == [(cell.estimate.ci_low, cell.estimate.ci_high) for cell in cells]


def test_a_band_spans_neighbours_with_intervals_and_a_single_interval_is_a_line() -> None:
    key = MeasureKey("e", "m", "share", True, True, None, None)

    def cell(value: float, has_interval: bool) -> Cell:
        ends = (value - 0.1, value + 0.1) if has_interval else (None, None)
        return Cell(key, Estimate(value, 9, 9, None, *ends), (0,), (value,), None, None)

    axes = new_figure(2).add_subplot()
    known = [True, True, False, True, False]
    banded_line(axes, [1, 2, 3, 4, 5], [cell(0.5, one) for one in known], Look("#000000", "o"), 4)
    band, line = axes.collections
    assert {x for x, _ in band.get_paths()[0].vertices} == {1.0, 2.0}
    [segment] = line.get_segments()
    assert segment.tolist() == [[4.0, 0.4], [4.0, 0.6]]
    assert list(axes.lines[0].get_xdata()) == [1, 2, 3, 4, 5]


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
