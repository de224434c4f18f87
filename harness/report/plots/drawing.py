"""What the plots have in common: a cell as a point with its interval, names short enough for a margin."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence

from matplotlib.axes import Axes

from harness.report.comparison import Cell, Comparison, MeasureKey
from harness.report.plots.style import WIDTH, Look
from harness.report.untrusted import visible

_MAX_LABEL = 26


def measured(comparison: Comparison, decoding: str, measure: MeasureKey) -> list[tuple[str, Cell]]:
    cells = [(system, comparison.cell(system, decoding, measure)) for system in comparison.systems]
    return [(system, cell) for system, cell in cells if cell is not None and has_value(cell)]


def points(axes: Axes, cells: Sequence[Cell], places: Sequence[float], look: Look, across: bool, size: float) -> None:
    """Values as markers with their intervals as lines; `across`: values run along x."""
    spans = [(place, c.estimate.ci_low, c.estimate.ci_high) for place, c in zip(places, cells, strict=True)]
    known = [(place, low, high) for place, low, high in spans if low is not None and high is not None]
    draw: Callable[..., object] = axes.hlines if across else axes.vlines
    if known:
        draw(*zip(*known, strict=True), color=look.colour, linewidth=1.8, alpha=0.55, zorder=2)
    values = [value_of(cell) for cell in cells]
    xs, ys = (values, places) if across else (places, values)
    axes.plot(xs, ys, look.marker, color=look.colour, markersize=size, zorder=3)


def has_value(cell: Cell) -> bool:
    return cell.estimate.value is not None


def value_of(cell: Cell) -> float:
    assert cell.estimate.value is not None
    return cell.estimate.value


def legend_columns(names: Sequence[str]) -> int:
    """How many of these names stand side by side in a legend as wide as a figure; inches are those of its font."""
    return max(1, min(4, len(names), int(WIDTH / (0.37 + 0.071 * max(map(len, names), default=1)))))


def beside_row(name: str) -> str:
    """A name for a row of a plot: a long one takes several lines, broken at its spaces."""
    lines = textwrap.wrap(visible(name, one_line=True), _MAX_LABEL, break_long_words=False, break_on_hyphens=False)
    return "\n".join(map(label, lines))


def row_height(names: Sequence[str], one_line: float) -> float:
    """Inches that a row of a plot needs where rows of one line need so many. names: as `beside_row` gives them."""
    return one_line + 0.15 * max((name.count("\n") for name in names), default=0)


def label(name: str) -> str:
    """A name; of a long one the middle is left out, since names that begin alike differ at their ends."""
    shown = visible(name, one_line=True)
    half = _MAX_LABEL // 2
    return shown if len(shown) <= _MAX_LABEL else f"{shown[: half - 1]}…{shown[-half:]}"
