"""Parallel coordinates: a line a system across everything in which systems differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.common.numerals import quantity
from harness.dashboard.charts.drawing import Drawing
from harness.dashboard.charts.scales import Axis
from harness.dashboard.looks import Look, shortened

_HEIGHT = 330
_TOP, _BOTTOM = 40, 300
_STEP, _LEFT = 150, 80
_LOG_FROM = 30.0


@dataclass(frozen=True)
class Strand:
    """A system's line: its value on each axis, None where it has none."""

    name: str
    look: Look
    values: tuple[float | str | None, ...]


def parallel(names: Sequence[str], strands: Sequence[Strand], about: str) -> Drawing:
    """One axis a name: of numbers where all values are numbers, else of words in their order."""
    width = max(640, 2 * _LEFT + _STEP * (len(names) - 1))
    drawing = Drawing(width, _HEIGHT, about, "parallel")
    step = (width - 2 * _LEFT) / max(1, len(names) - 1)
    heights: list[dict[str, float]] = []
    all_ticks: list[tuple[float, float, str]] = []
    for number, name in enumerate(names):
        x = _LEFT + step * number
        values = [strand.values[number] for strand in strands if strand.values[number] is not None]
        ticks, heights_of_axis = _axis([value for value in values if value is not None])
        drawing.line([(x, _TOP), (x, _BOTTOM)], "muted", "thin")
        drawing.words((x, 20), shortened(name, 22), "middle")
        all_ticks += [(x, y, text) for y, text in ticks]
        heights.append(heights_of_axis)
    for strand in strands:
        points = [
            (_LEFT + step * number, heights[number][repr(value)])
            for number, value in enumerate(strand.values)
            if value is not None
        ]
        tooltip = f"{strand.name}: " + ", ".join(
            f"{name} {_in_words(value)}" for name, value in zip(names, strand.values, strict=True) if value is not None
        )
        if len(points) > 1:
            drawing.line(points, strand.look.colour, "", tooltip)
        for point in points:
            drawing.dot(point, strand.look.colour, strand.look.marker, "", tooltip)
    for x, y, text in all_ticks:  # over the lines, so that they can be read
        drawing.line([(x - 4, y), (x, y)], "muted", "thin")
        drawing.words((x - 7, y + 4), shortened(text, 14), "end", "muted")
    return drawing


def _axis(values: Sequence[float | str]) -> tuple[list[tuple[float, str]], dict[str, float]]:
    """Ticks, and the height (y) of each value."""
    numbers = [value for value in values if isinstance(value, float)]
    if values and len(numbers) == len(values):
        positive = min(numbers) > 0
        is_log = positive and max(numbers) / min(numbers) >= _LOG_FROM
        axis = Axis.around(numbers, _BOTTOM, _TOP, is_log)
        return axis.ticks(5), {repr(value): axis.at(value) for value in numbers}
    words = sorted({_in_words(value) for value in values})
    gap = (_BOTTOM - _TOP) / max(1, len(words))
    height_of = {word: _BOTTOM - gap * (number + 0.5) for number, word in enumerate(words)}
    return [(height_of[word], word) for word in words], {repr(value): height_of[_in_words(value)] for value in values}


def _in_words(value: float | str) -> str:
    return value if isinstance(value, str) else quantity(value)
