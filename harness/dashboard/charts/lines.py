"""Lines with bands: a line a system, its seeds behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.common.numerals import quantity
from harness.dashboard.charts.drawing import Drawing
from harness.dashboard.charts.points import Plane, empty
from harness.dashboard.charts.scales import Axis
from harness.dashboard.looks import Look


@dataclass(frozen=True)
class Series:
    """A system's line."""

    name: str
    look: Look
    points: tuple[tuple[float, float], ...]
    text: str
    """What is said of it under the mouse."""
    band: tuple[tuple[float, float, float], ...] = ()
    """(x, low, high)."""
    singles: tuple[tuple[tuple[float, float], ...], ...] = ()
    """The lines of single seeds."""
    has_dots: bool = False
    is_dashed: bool = False


def line_chart(
    series: Sequence[Series],
    plane: Plane,
    about: str,
    name: str,
    x_ends: tuple[float | None, float | None] = (None, None),
    y_ends: tuple[float | None, float | None] = (None, None),
    diagonal: bool = False,
) -> Drawing:
    """Lines in a plane. x_ends, y_ends: the part that is shown; None: all."""
    every = [point for line in series for points in (line.points, *line.singles) for point in points]
    xs, ys = (
        [x for x, _ in every],
        [y for _, y in every] + [end for line in series for _, *ends in line.band for end in ends],
    )
    shown_x, shown_y = _within(xs, x_ends, plane.x_is_log), _within(ys, y_ends, plane.y_is_log)
    if x_ends != (None, None) and y_ends == (None, None):
        inside = [y for x, y in every if min(shown_x) <= x <= max(shown_x)]
        shown_y = inside or shown_y
    both = [0.0, *shown_x, *shown_y] if diagonal else []
    drawing, across, up = empty(plane, shown_x + both, shown_y + both, about, name)
    if not plane.is_root:
        drawing.data["brush"] = "xy"
    if diagonal:
        drawing.line(
            [
                (across.at(across.low), up.at(max(up.low, across.low))),
                (across.at(min(across.high, up.high)), up.at(min(across.high, up.high))),
            ],
            "muted",
            "thin dashed",
        )
    for line in series:
        if line.band:
            upper = [(x, high) for x, _, high in line.band]
            lower = [(x, low) for x, low, _ in reversed(line.band)]
            edge = [_clamped(x, y, across, up) for x, y in [*upper, *lower] if across.shows(x)]
            if len(edge) > 2:
                drawing.area(edge, line.look.colour)
        for single in line.singles:
            for stretch in _visible(single, across, up):
                drawing.line(stretch, line.look.colour, "thin faint")
    for line in series:
        if len(line.points) == 1:
            _level(drawing, line, across, up)
            continue
        for stretch in _visible(line.points, across, up):
            drawing.line(stretch, line.look.colour, "dashed" if line.is_dashed else "", f"{line.name}: {line.text}")
        for x, y in line.points if line.has_dots else line.points[-1:]:
            if across.shows(x) and up.shows(y):
                tooltip = f"{line.name}: {plane.in_words(y)} at {quantity(x)}"
                drawing.dot((across.at(x), up.at(y)), line.look.colour, line.look.marker, "", tooltip)
    return drawing


def _within(values: list[float], ends: tuple[float | None, float | None], is_log: bool) -> list[float]:
    """The values of the part that is shown, at least its ends."""
    low, high = ends
    known = [value for value in values if (low is None or value >= low) and (high is None or value <= high)]
    given = [end for end in ends if end is not None and (end > 0 or not is_log)]
    return [*known, *given] or values


def _visible(points: Sequence[tuple[float, float]], across: Axis, up: Axis) -> list[list[tuple[float, float]]]:
    """The stretches of a line that lie inside the axes, in pixels."""
    stretches: list[list[tuple[float, float]]] = [[]]
    for x, y in points:
        if across.shows(x) and up.shows(y):
            stretches[-1].append((across.at(x), up.at(y)))
        elif stretches[-1]:
            stretches.append([])
    return [stretch for stretch in stretches if len(stretch) > 1]


def _clamped(x: float, y: float, across: Axis, up: Axis) -> tuple[float, float]:
    return across.at(x), up.at(min(max(y, up.low), up.high))


def _level(drawing: Drawing, line: Series, across: Axis, up: Axis) -> None:
    """A model that is made in one pass: a marker, and its level carried across."""
    [(x, y)] = line.points
    if not up.shows(y):
        return
    start = across.at(min(max(x, across.low), across.high))
    drawing.line([(start, up.at(y)), (across.end, up.at(y))], line.look.colour, "thin dashed")
    drawing.dot((start, up.at(y)), line.look.colour, line.look.marker, "", f"{line.name}: {line.text}")
