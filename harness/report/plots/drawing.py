"""What the plots have in common: a cell as a point with its interval, names short enough for a margin."""

from __future__ import annotations

import itertools
import re
import textwrap
from collections.abc import Callable, Sequence

from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis
from matplotlib.ticker import MaxNLocator

from harness.report.comparison import Cell, Comparison, MeasureKey
from harness.report.plots.style import WIDTH, Look
from harness.report.untrusted import visible
from harness.report.wording import direction, joined, words

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


def banded_line(axes: Axes, places: Sequence[float], cells: Sequence[Cell], look: Look, size: float) -> None:
    """Values along a numeric axis as a line with markers, its intervals as a band where neighbours have one; the
    interval of a point between neighbours without is a line."""
    known = [cell.estimate.ci_low is not None and cell.estimate.ci_high is not None for cell in cells]
    for has_interval, group in itertools.groupby(range(len(cells)), key=lambda index: known[index]):
        indices = list(group)
        if not has_interval:
            continue
        xs = [places[index] for index in indices]
        low, high = zip(*(ends_of(cells[index]) for index in indices), strict=True)
        if len(indices) > 1:
            axes.fill_between(xs, low, high, color=look.colour, alpha=0.13, linewidth=0)
        else:
            axes.vlines(xs, low, high, color=look.colour, linewidth=1.8, alpha=0.55, zorder=2)
    values = [value_of(cell) for cell in cells]
    axes.plot(places, values, look.marker, color=look.colour, markersize=size, linestyle="-", linewidth=1.3)


def ends_of(cell: Cell) -> tuple[float, float]:
    """The ends of the interval; the value where there is none."""
    low, high = cell.estimate.ci_low, cell.estimate.ci_high
    return (value_of(cell),) * 2 if low is None or high is None else (low, high)


def arrow(measure: MeasureKey, higher: str, lower: str) -> str:
    """Which way is better, after a measure's name; `higher`, `lower`: arrows that point to such values."""
    if measure.nearest_to is not None:
        return f" ({direction(measure)})"
    return {True: f" ({higher}\u00a0better)", False: f" ({lower}\u00a0better)", None: ""}[measure.higher_is_better]


def shown_under(comparison: Comparison, measure: MeasureKey) -> str:
    """For a caption: under which of several decoding strategies a measure is shown, and why."""
    decoding = comparison.best_decoding(measure)
    is_best = comparison.only_best_decoding(measure) is not None
    why = f", the decoding strategy with the best {words(measure.metric)}" if is_best else ""
    return f" Under {decoding}{why}; the other strategies are in runs.csv."


def not_alike(comparison: Comparison, measure: MeasureKey, decoding: str) -> str:
    """For a caption: in what the models differ, so that they can't be compared; '' where they can."""
    apart = comparison.not_alike(measure, decoding)
    return f" The models differ in {joined(apart)}, so their order says little." if apart else ""


def has_value(cell: Cell) -> bool:
    return cell.estimate.value is not None


def value_of(cell: Cell) -> float:
    assert cell.estimate.value is not None
    return cell.estimate.value


def legend_columns(names: Sequence[str]) -> int:
    """How many of these names stand side by side in a legend as wide as a figure; inches are those of its font."""
    widest = max((len(line) for name in names for line in name.splitlines()), default=1)
    return max(1, min(4, len(names), int(WIDTH / (0.37 + 0.071 * widest))))


def share_axis(axis: Axis, highest: float, num_ticks: int = 5) -> None:
    """An axis of shares, from none to all, or to somewhat above the highest where that is below a half."""
    top = 1.0 if highest > 0.5 else max(0.05, 1.1 * highest)
    ticks = [
        tick for tick in MaxNLocator(num_ticks, steps=[1, 2, 2.5, 5, 10]).tick_values(0, top) if tick <= 1.01 * top
    ]
    axis.set_ticks(ticks, [f"{100 * tick:.3g}" + (" %" if tick == ticks[-1] else "") for tick in ticks])
    set_limits = axis.axes.set_xlim if isinstance(axis, XAxis) else axis.axes.set_ylim
    set_limits(-0.03 * top, 1.03 * top)


def top_of(cells: Sequence[Cell]) -> float:
    """The highest end of an interval, value, chance or target."""
    ends = [end for cell in cells for end in (cell.estimate.ci_high, cell.estimate.value, cell.chance, cell.target)]
    return max([end for end in ends if end is not None], default=0.0)


def file_name(name: str) -> str:
    """A name as a part of a file's."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)[:60]


def beside_row(name: str) -> str:
    """A name beside a row, a line or in a legend: a long one takes several lines, broken at its spaces, and at '='
    where an option alone is too long."""
    parts = [
        part.replace("=", "= ", 1) if len(part) > _MAX_LABEL else part
        for part in visible(name, one_line=True).split(" ")
    ]
    lines = textwrap.wrap(" ".join(parts), _MAX_LABEL, break_long_words=False, break_on_hyphens=False)
    return "\n".join(map(label, lines))


def right_height(names: Sequence[str], around: float) -> float:
    """Inches of a figure with these names in its right margin, as `beside_row` gives them. around: what its axis and
    margins take."""
    return max(3.1, 0.2 * len(names) * max(1 + name.count("\n") for name in names) + around)


def row_height(names: Sequence[str], one_line: float) -> float:
    """Inches that a row of a plot needs where rows of one line need so many. names: as `beside_row` gives them."""
    return one_line + 0.15 * max((name.count("\n") for name in names), default=0)


def label(name: str) -> str:
    """A name; of a long one the middle is left out, since names that begin alike differ at their ends."""
    shown = visible(name, one_line=True)
    half = _MAX_LABEL // 2
    return shown if len(shown) <= _MAX_LABEL else f"{shown[: half - 1]}…{shown[-half:]}"
