"""Points in the plane: cost against quality with its Pareto front, one run's samples against another's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.common.numerals import quantity
from harness.dashboard.charts.drawing import WIDTH, Drawing
from harness.dashboard.charts.scales import Axis
from harness.dashboard.looks import Look, shortened

_HEIGHT = 356
_LEFT, _RIGHT, _TOP, _FOOT = 56, 14, 26, 44
MOST_POINTS = 3000
_NUM_BINS = 40
Ends = tuple[float | None, float | None]


@dataclass(frozen=True)
class Dot:
    """One point."""

    x: float
    y: float
    look: Look
    text: str
    link: str = ""
    ends: tuple[float, float] | None = None
    """Of an interval along y."""
    name: str = ""
    """Written beside it."""


@dataclass(frozen=True)
class Plane:
    """Two axes and how they are called."""

    x_label: str
    y_label: str
    x_is_log: bool = False
    y_is_log: bool = False
    in_words: Callable[[float], str] = quantity
    is_root: bool = False
    """Whether both axes are as square roots."""


def empty(plane: Plane, xs: Sequence[float], ys: Sequence[float], about: str, name: str) -> tuple[Drawing, Axis, Axis]:
    """A drawing with axes around these values."""
    bottom = _HEIGHT - _FOOT
    drawing = Drawing(WIDTH, _HEIGHT, about, name, frame=(_LEFT, WIDTH - _RIGHT, bottom, _TOP))
    if plane.is_root:
        across = Axis(0.0, 1.05 * max(xs), _LEFT, WIDTH - _RIGHT, in_words=plane.in_words, is_root=True)
        up = Axis(0.0, 1.05 * max(ys), bottom, _TOP, in_words=plane.in_words, is_root=True)
    else:
        across = Axis.around(xs, _LEFT, WIDTH - _RIGHT, plane.x_is_log)
        up = Axis.around(ys, bottom, _TOP, plane.y_is_log, plane.in_words)
    for x, text in across.ticks(6):
        drawing.line([(x, _TOP), (x, bottom)], "rule", "thin")
        drawing.words((x, bottom + 17), text, "middle", "muted")
    for y, text in up.ticks():
        drawing.line([(_LEFT, y), (WIDTH - _RIGHT, y)], "rule", "thin")
        drawing.words((_LEFT - 7, y + 4), text, "end", "muted")
    drawing.words(((_LEFT + WIDTH - _RIGHT) / 2, _HEIGHT - 8), plane.x_label, "middle", "muted")
    drawing.words((4, 13), plane.y_label, "", "muted")
    drawing.data = {"x": _ends(across), "y": _ends(up)}
    return drawing, across, up


def _ends(axis: Axis) -> str:
    return f"{axis.low!r},{axis.high!r},{int(axis.is_log)}"


def scatter(
    dots: Sequence[Dot],
    plane: Plane,
    about: str,
    name: str,
    front: Sequence[tuple[float, float]] = (),
    diagonal: bool = False,
    brush: str = "",
    part: tuple[Ends, Ends] | None = None,
) -> Drawing:
    """Points; beyond a few thousand squares that say how many lie there. front: a line through the best points.
    brush: 'x' or 'xy', what the mouse chooses. part: the ends along x and along y of what was chosen."""
    ends = [end for dot in dots for end in dot.ends or ()]
    xs, ys = [dot.x for dot in dots], [*(dot.y for dot in dots), *ends]
    both = [*xs, *ys] if diagonal else []
    drawing, across, up = empty(plane, [*xs, *both], [*ys, *both], about, name)
    if brush:
        drawing.data["brush"] = brush
    if diagonal:
        low, high = max(across.low, up.low), min(across.high, up.high)
        drawing.line([(across.at(low), up.at(low)), (across.at(high), up.at(high))], "muted", "thin dashed")
    if len(front) > 1:
        drawing.line([(across.at(x), up.at(y)) for x, y in front], "muted", "dashed")
    if part is not None:
        _rectangle(drawing, across, up, part)
    if len(dots) > MOST_POINTS:
        _bins(drawing, across, up, dots)
        return drawing
    for dot in dots:
        x, y = across.at(dot.x), up.at(dot.y)
        if dot.ends is not None:
            drawing.line([(x, up.at(dot.ends[0])), (x, up.at(dot.ends[1]))], dot.look.colour, "strong faint")
        drawing.dot((x, y), dot.look.colour, dot.look.marker, "faint" if len(dots) > 60 else "", dot.text, dot.link)
    _names(drawing, across, up, dots)
    return drawing


def _rectangle(drawing: Drawing, across: Axis, up: Axis, part: tuple[Ends, Ends]) -> None:
    (left, right), (bottom, top) = (
        [
            axis.at(min(max(default if end is None else end, axis.low), axis.high))
            for end, default in zip(ends, (axis.low, axis.high), strict=True)
        ]
        for axis, ends in ((across, part[0]), (up, part[1]))
    )
    drawing.line([(left, bottom), (right, bottom), (right, top), (left, top), (left, bottom)], "ink", "thin")


def _names(drawing: Drawing, across: Axis, up: Axis, dots: Sequence[Dot]) -> None:
    """Names beside points, as far as they hide no other name: all are under the mouse, and in the page's table."""
    taken: list[tuple[float, float, float]] = []
    for dot in dots:
        x, y = across.at(dot.x), up.at(dot.y)
        name = shortened(dot.name)
        width = 7.2 * len(name)
        start = x - 9 - width if x > WIDTH * 0.72 else x + 9
        if name and not any(abs(y - other) < 13 and start < end and left < start + width for left, end, other in taken):
            taken.append((start, start + width, y))
            drawing.words((x - 9 if x > WIDTH * 0.72 else x + 9, y + 4), name, "end" if x > WIDTH * 0.72 else "")


def _bins(drawing: Drawing, across: Axis, up: Axis, dots: Sequence[Dot]) -> None:
    """Squares in place of points that would hide one another; none is left out."""
    width, height = (across.end - across.start) / _NUM_BINS, (up.start - up.end) / _NUM_BINS
    counts = Counter(
        (int((across.at(dot.x) - across.start) / width), int((up.at(dot.y) - up.end) / height)) for dot in dots
    )
    most = max(counts.values())
    for (column, row), count in counts.items():
        side = (count / most) ** 0.5
        size = (max(1.5, width * side), max(1.5, height * side))
        corner = (
            across.start + (column + 0.5) * width - size[0] / 2,
            up.end + (row + 0.5) * height - size[1] / 2,
        )
        drawing.rect(corner, size, "c0", "", f"{count:,} samples")


def pareto(points: Sequence[tuple[float, float]], lower_is_better: bool) -> list[tuple[float, float]]:
    """The points (cost, value) that no other one beats in both, by cost."""
    front: list[tuple[float, float]] = []
    for cost, value in sorted(points, key=lambda point: (point[0], point[1] if lower_is_better else -point[1])):
        if not front or (value < front[-1][1] if lower_is_better else value > front[-1][1]):
            front.append((cost, value))
    return front
