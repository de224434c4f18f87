from __future__ import annotations

import io

import pytest
from PIL import Image

from harness.dashboard.charts.drawing import SHADES
from harness.dashboard.charts.heat import head, shade, small_head, units

ROWS = [[1.0], [0.25, 0.75], [0.0, 0.001, 0.999]]


@pytest.mark.parametrize(
    ("value", "most", "name"),
    [(0, 1, ""), (0.001, 1, ""), (0.04, 1, "s1"), (1, 1, "s5"), (-1, 1, "s5"), (7, 2, "s5"), (1, 0, "")],
)
def test_the_larger_a_value_the_darker(value: float, most: float, name: str) -> None:
    assert shade(value, most) == name


def test_each_weight_that_can_be_seen_is_a_cell() -> None:
    marks = [mark for mark in small_head(ROWS, "").marks if mark.kind == "cells"]
    corners = {corner: mark.look for mark in marks for corner in mark.points[:-1]}
    assert corners == {(0, 0): "s5", (0, 1): shade(0.25), (1, 1): shade(0.75), (2, 2): "s5"}
    assert all(mark.points[-1] == (1, 1) for mark in marks)


def test_places_are_named_and_the_chosen_one_is_marked() -> None:
    drawing = head(ROWS, ["<start>", "a", "a very long token"], "about", "attention_a", 1)
    words = {mark.text: mark.colour for mark in drawing.marks if mark.kind == "text"}
    assert words["a"] == "c1"
    assert words["a·very·lo…"] == "ink"
    assert not [m for m in head([[0.1]] * 60, ["x"] * 60, "", "n", 0).marks if m.text == "x"]


def test_units_have_one_colour_above_zero_and_another_below() -> None:
    drawing = units([[1.0, -1.0], [0.0, 0.5]], "about", "units_a")
    assert sum(len(m.points) - 1 for m in drawing.marks if m.kind == "cells" and m.colour == "c0") == 2
    assert sum(len(m.points) - 1 for m in drawing.marks if m.kind == "cells" and m.colour == "c1") == 1
    assert "M" in drawing.inside()
    assert Image.open(io.BytesIO(drawing.png("note"))).size[0] >= 900
    assert all(f".{name}{{opacity" in drawing.svg("note").decode() for name in SHADES)


def test_nothing_is_no_error() -> None:
    assert small_head([], "").marks == []
    assert units([], "", "n").marks
