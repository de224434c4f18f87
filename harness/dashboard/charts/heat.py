"""Heat maps: what heads attend to, and hidden units over a text."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

from harness.dashboard.charts.drawing import SHADES, WIDTH, Drawing, Point

_LEFT = 92
_ROW = 15
_MOST_NAMED = 40
_UNITS_HEIGHT = 300


def shade(value: float, most: float = 1.0) -> str:
    """How dark a value is drawn, its sign apart; '' where it would not be seen. As square roots, so that small values
    can be told from none."""
    level = round(len(SHADES) * math.sqrt(min(1.0, abs(value) / most))) if most > 0 else 0
    return f"s{level}" if level else ""


def small_head(rows: Sequence[Sequence[float]], about: str) -> Drawing:
    """One head without names: a row a position, a column for each position that it takes from."""
    size = max(1, len(rows))
    drawing = Drawing(size, size, about)
    _fill(drawing, rows, (0, 0), (1, 1))
    return drawing


def head(rows: Sequence[Sequence[float]], names: Sequence[str], about: str, name: str, chosen: int) -> Drawing:
    """One head: rows and columns are the positions of the text, named where there is room. chosen: a position that is
    marked."""
    is_named = len(rows) <= _MOST_NAMED
    left = _LEFT if is_named else 6.0
    side = (WIDTH - left - 4) / max(1, len(rows))
    height = _ROW if is_named else side
    drawing = Drawing(WIDTH, height * len(rows) + 24, about, name)
    drawing.words((left, 13), "takes from →", "", "muted")
    for position, label in enumerate(names[: len(rows)] if is_named else ()):
        text = (label if len(label) <= 10 else f"{label[:9]}…").replace(" ", "·")
        drawing.words((left - 6, 20 + height * (position + 0.8)), text, "end", "c1" if position == chosen else "ink")
    _fill(drawing, rows, (left, 20), (side, height))
    corner, size = (left, 20 + height * chosen), (side * (chosen + 1), height)
    (x, y), (width, tall) = corner, size
    drawing.line([(x, y), (x + width, y), (x + width, y + tall), (x, y + tall), (x, y)], "c1", "thin")
    return drawing


def units(values: Sequence[Sequence[float]], about: str, name: str) -> Drawing:
    """Hidden units: a column a position, a row a unit; one colour above 0, another below."""
    num_places, num_units = len(values), len(values[0]) if values else 0
    size = ((WIDTH - 8) / max(1, num_places), _UNITS_HEIGHT / max(1, num_units))
    drawing = Drawing(WIDTH, _UNITS_HEIGHT + 24, about, name)
    drawing.words((4, 13), "the text →", "", "muted")
    strength = sorted(abs(value) for column in values for value in column)
    most = strength[int(0.99 * (len(strength) - 1))] if strength else 1.0
    cells: defaultdict[tuple[str, str], list[Point]] = defaultdict(list)
    for position, column in enumerate(values):
        for unit, value in enumerate(column):
            if dark := shade(value, most):
                corner = (round(4 + position * size[0], 2), round(20 + unit * size[1], 2))
                cells["c0" if value > 0 else "c1", dark].append(corner)
    for (colour, dark), corners in sorted(cells.items()):
        drawing.cells(corners, (round(size[0], 2), round(size[1], 2)), colour, dark)
    return drawing


def _fill(drawing: Drawing, rows: Sequence[Sequence[float]], corner: Point, size: Point) -> None:
    cells: defaultdict[str, list[Point]] = defaultdict(list)
    for position, row in enumerate(rows):
        for earlier, weight in enumerate(row):
            if dark := shade(weight):
                cells[dark].append((round(corner[0] + earlier * size[0], 2), round(corner[1] + position * size[1], 2)))
    for dark, corners in sorted(cells.items()):
        drawing.cells(corners, (round(size[0], 2), round(size[1], 2)), "c0", dark)
