"""Rows of values with their intervals: the ladder, and differences from a baseline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.common.numerals import quantity
from harness.dashboard.charts.drawing import WIDTH, Drawing
from harness.dashboard.charts.scales import Axis
from harness.dashboard.looks import Look, shortened

_ROW = 26
_LEAST_LEFT, _MOST_LEFT, _RIGHT = 60, 186, 12
_CHARACTER = 7.3
"""About how wide one is."""
_MOST_CHARACTERS = 24
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
    names = [shortened(row.name, _MOST_CHARACTERS) for row in rows]
    left = min(max(_LEAST_LEFT, 18 + _CHARACTER * max(map(len, names), default=0)), _MOST_LEFT)
    drawing = Drawing(WIDTH, height, about, name, frame=(left, WIDTH - _RIGHT, bottom, 4))
    values = [end for row in rows for end in (row.value, *(row.ends or ()), *row.per_seed)]
    low_end, high_end = ends
    values = [v for v in values if (low_end is None or v >= low_end) and (high_end is None or v <= high_end)]
    values += [end for end in (zero, *ends) if end is not None and (end > 0 or not is_log)]
    axis = Axis.around(values, left, WIDTH - _RIGHT, is_log, in_words)
    drawing.data = {"x": f"{axis.low!r},{axis.high!r},{int(is_log)}", "brush": "x"}
    for x, text in axis.ticks(6):
        drawing.line([(x, 4), (x, bottom)], "rule", "thin")
        drawing.words((x, bottom + 17), text, "middle", "muted")
    if zero is not None and axis.shows(zero):
        drawing.line([(axis.at(zero), 4), (axis.at(zero), bottom)], "ink", "thin")
    drawing.words(((left + WIDTH - _RIGHT) / 2, bottom + 36), label, "middle", "muted")
    for number, (row, shown_name) in enumerate(zip(rows, names, strict=True)):
        y = 4 + _ROW * (number + 0.5)
        drawing.words((left - 10, y + 4.5), shown_name, "end")
        tooltip = f"{row.name}: {row.text}"
        if not axis.shows(row.value):
            is_left = row.value < axis.low
            drawing.words(
                (left + 2 if is_left else WIDTH - _RIGHT - 2, y + 4),
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
