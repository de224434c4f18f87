from __future__ import annotations

from harness.dashboard.charts.intervals import Row, interval_chart
from harness.dashboard.looks import Look

ROWS = [
    Row("first", Look("c0", "o"), 1.0, (0.5, 1.5), "1 [0.5, 1.5]", (0.9, 1.1)),
    Row("second", Look("c1", "s"), 9.0, None, "9", is_filled=False),
]


def test_a_row_has_its_value_interval_and_seeds() -> None:
    drawing = interval_chart(ROWS, "value", "about", "ladder", zero=0.0)
    dots = [mark for mark in drawing.marks if mark.kind == "dot"]
    assert [mark.marker for mark in dots] == ["|", "|", "o", "s"]
    assert dots[-1].look == "hollow"
    assert "first: 1 [0.5, 1.5]" in {mark.text for mark in drawing.marks}


def test_what_lies_outside_has_an_arrow() -> None:
    drawing = interval_chart(ROWS, "value", "about", "ladder", ends=(0.0, 2.0))
    assert "→" in {mark.text for mark in drawing.marks}
    assert not any(mark.marker == "s" and mark.kind == "dot" for mark in drawing.marks)
    left, right, _, _ = drawing.frame or (0, 0, 0, 0)
    assert all(left - 1 <= x <= right + 1 for mark in drawing.marks if mark.kind == "dot" for x, _ in mark.points)
