"""Rows of values with their intervals: the ladder, and differences from a baseline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.common.numerals import quantity
from harness.dashboard.charts.drawing import WIDTH, Drawing
from harness.dashboard.charts.scales import Axis
from harness.dashboard.looks import Look, shortened

_ROW = 26
_LEFT, _RIGHT = 132, 12
_FOOT = 44


@dataclass(frozen=True)
class Row:
    """One value."""

    name: str
    look: Look
    value: float
    ends: tuple[float, float] | None
    text: str
    """The value in words."""
    per_seed: tuple[float, ...] = ()
    is_filled: bool = True
    link: str = ""


def interval_chart(
    rows: Sequence[Row],
    label: str,
    about: str,
    name: str,
    zero: float | None = None,
    is_log: bool = False,
    in_words: Callable[[float], str] = quantity,
    ends: tuple[float | None, float | None] = (None, None),
) -> Drawing:
    """Values along x, a row each. zero: where a line stands that they are compared with. ends: the part that is shown;
    a value outside of it has an arrow at its edge."""
    height = _ROW * len(rows) + _FOOT + 8
    bottom = height - _FOOT
    drawing = Drawing(WIDTH, height, about, name, frame=(_LEFT, WIDTH - _RIGHT, bottom, 4))
    values = [end for row in rows for end in (row.value, *(row.ends or ()), *row.per_seed)]
    low_end, high_end = ends
    values = [v for v in values if (low_end is None or v >= low_end) and (high_end is None or v <= high_end)]
    values += [end for end in (zero, *ends) if end is not None and (end > 0 or not is_log)]
    axis = Axis.around(values, _LEFT, WIDTH - _RIGHT, is_log, in_words)
    drawing.data = {"x": f"{axis.low!r},{axis.high!r},{int(is_log)}", "brush": "x"}
    for x, text in axis.ticks(6):
        drawing.line([(x, 4), (x, bottom)], "rule", "thin")
        drawing.words((x, bottom + 17), text, "middle", "muted")
    if zero is not None and axis.shows(zero):
        drawing.line([(axis.at(zero), 4), (axis.at(zero), bottom)], "ink", "thin")
    drawing.words(((_LEFT + WIDTH - _RIGHT) / 2, bottom + 36), label, "middle", "muted")
    for number, row in enumerate(rows):
        y = 4 + _ROW * (number + 0.5)
        drawing.words((_LEFT - 10, y + 4.5), shortened(row.name), "end")
        tooltip = f"{row.name}: {row.text}"
        if not axis.shows(row.value):
            is_left = row.value < axis.low
            drawing.words(
                (_LEFT + 2 if is_left else WIDTH - _RIGHT - 2, y + 4),
                "←" if is_left else "→",
                "" if is_left else "end",
                row.look.colour,
            )
            continue
        if row.ends is not None:
            low, high = (min(max(end, axis.low), axis.high) for end in row.ends)
            drawing.line([(axis.at(low), y), (axis.at(high), y)], row.look.colour, "strong faint", tooltip)
        for value in [v for v in row.per_seed if axis.shows(v)] if len(row.per_seed) > 1 else ():
            drawing.dot((axis.at(value), y + 8), row.look.colour, "|", "", f"{row.name}, one seed: {in_words(value)}")
        look = "" if row.is_filled else "hollow"
        drawing.dot((axis.at(row.value), y), row.look.colour, row.look.marker, look, tooltip, row.link)
    return drawing
