from __future__ import annotations

from harness.dashboard.charts.lines import Series, line_chart
from harness.dashboard.charts.points import Plane
from harness.dashboard.looks import Look

LOOK = Look("c0", "o")
LINE = Series(
    "a",
    LOOK,
    ((1.0, 3.0), (2.0, 2.0), (3.0, 1.0)),
    "text",
    ((1.0, 2.5, 3.5), (3.0, 0.5, 1.5)),
    (((1.0, 3.1), (3.0, 1.1)),),
)


def kinds(drawing: object) -> list[str]:
    return [f"{mark.kind} {mark.look}".strip() for mark in drawing.marks if mark.colour == "c0"]  # type: ignore[attr-defined]


def test_a_line_has_its_band_and_its_seeds_behind_it() -> None:
    assert kinds(line_chart([LINE], Plane("x", "y"), "", "c")) == ["area", "line thin faint", "line", "dot"]


def test_one_point_is_a_marker_with_its_level() -> None:
    marks = kinds(line_chart([LINE, Series("b", LOOK, ((1.0, 2.0),), "text")], Plane("x", "y"), "", "c"))
    assert marks[-2:] == ["line thin dashed", "dot"]


def test_a_part_can_be_shown_larger() -> None:
    drawing = line_chart([LINE], Plane("x", "y", True, True), "", "c", (1.5, 3.5))
    left, right, bottom, top = drawing.frame or (0, 0, 0, 0)
    for mark in drawing.marks:
        if mark.colour == "c0":
            assert all(left - 1 <= x <= right + 1 and top - 1 <= y <= bottom + 1 for x, y in mark.points)


def test_a_part_without_points_is_an_empty_chart() -> None:
    line_chart([LINE], Plane("x", "y"), "", "c", (10.0, 11.0), (5.0, 6.0))
    line_chart([LINE], Plane("x", "y", True, True), "", "c", (-5.0, -1.0))
    line_chart([LINE], Plane("x", "y", is_root=True), "", "c", diagonal=True)
