"""Plots of swept numbers: each eval's headline against the number, a line for each combination of the other settings.

Against size and training time the same lines take the place of single points.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from harness.common.numerals import quantity
from harness.evaluation.metric import LADDER_METRIC
from harness.report.asked import differing
from harness.report.comparison import Cell, Comparison, MeasureKey
from harness.report.palette import INK, MUTED
from harness.report.plots.drawing import (
    arrow,
    banded_line,
    beside_row,
    ends_of,
    file_name,
    points,
    right_height,
    share_axis,
    shown_under,
    top_of,
    value_of,
)
from harness.report.plots.learning import cost_of_systems, finish_right, plain_log_axis, quantity_axis, tells
from harness.report.plots.style import Look, Plot, drawn, looks, new_figure
from harness.report.swept import MOST_LINES, MOST_OPTIONS, Line, Option, in_words, lines, swept
from harness.report.wording import estimate_text, intervals_told, joined, target_words, words

_DECADE = 10
_WIDE = 3.0  # values that span more than this factor are drawn on a logarithmic scale
_GAP = 0.14  # between the largest number and 'inf', as a share of the axis
_LETTER = 0.03  # a tick label's letter, as a share of the axis


def sweeps(comparison: Comparison) -> list[Plot | None]:
    """Each swept number against each headline that it can change, numbers with the most values first."""
    options = swept(comparison)[:MOST_OPTIONS]
    short = [option.key.rpartition(".")[2] for option in options]
    return [
        _sweep(comparison, option, measure, name if short.count(name) == 1 else option.key)
        for option, name in zip(options, short, strict=True)
        for measure in comparison.headlines
        if option.changes(comparison, measure)
    ]


def _sweep(comparison: Comparison, option: Option, measure: MeasureKey, name: str) -> Plot | None:
    along, under = _lines(comparison, option, measure)
    if not along:
        return None
    scale = _Scale.of([value for line in along for value, _, _ in line.points])
    style = _style(comparison, along)
    labels = [beside_row(line.name) for line in along]
    figure = new_figure(right_height(labels, 1.4))
    axes = figure.add_subplot()
    if scale.is_logarithmic:
        axes.set_xscale("log")
    for line in along:
        _draw(axes, scale, line, style[line.name])
    cells = [cell for line in along for _, _, cell in line.points]
    axes.margins(x=0.04, y=0.08)
    _quality_axis(axes, measure, cells)
    _mark_target(axes, measure, cells)
    scale.mark(axes, option.axis)
    ends = [(scale.place(value), value_of(cell)) for value, _, cell in (line.points[-1] for line in along)]
    of_lines = [style[line.name] for line in along]
    finish_right(figure, axes, [(name, look, *end) for name, look, end in zip(labels, of_lines, ends, strict=True)])
    title = f"{words(measure.eval).capitalize()}: {words(measure.metric)} by {option.axis}"
    with_it = f" Changed with it: {joined([in_words(key) for key in option.together])}." if option.together else ""
    seeds = " Faint points are single seeds." if any(len(cell.per_seed) > 1 for cell in cells) else ""
    quality = _quality(measure).capitalize()
    apart = _not_alike(comparison, along, measure)
    caption = f"{quality} against {option.axis}. {intervals_told('Bands', cells)}.{seeds}{with_it}{under}{apart}"
    numbers_text = "; ".join(
        f"{line.name}: " + ", ".join(f"at {value:g} {estimate_text(cell)}" for value, _, cell in line.points)
        for line in along
    )
    file = f"{file_name(measure.eval)}_sweep_{file_name(name)}"
    return drawn(figure, file, "sweeps", title, caption, f"{title}. {numbers_text}.")


def _lines(comparison: Comparison, option: Option, measure: MeasureKey) -> tuple[list[Line], str]:
    """The lines to draw, and what the caption adds: of many only those of one decoding strategy."""
    along = lines(comparison, option, measure)
    if len(along) <= MOST_LINES or option.is_decoding or len(comparison.decodings_of(measure)) == 1:
        return along, ""
    return lines(comparison, option, measure, comparison.best_decoding(measure)), shown_under(comparison, measure)


def _not_alike(comparison: Comparison, along: Sequence[Line], measure: MeasureKey) -> str:
    """For a caption: in what the points differ that makes them no comparison. Budgets and the eval's options are what
    a sweep may go along."""
    asked = [
        one
        for _, system, _ in (point for line in along for point in line.points)
        for decoding in comparison.decodings_of(measure)
        if (one := comparison.asked(system, decoding, measure))
    ]
    apart = differing([replace(one, within_family={}) for one in asked])
    return f" The points differ in {joined(apart)}: a line across them is no comparison." if apart else ""


def _draw(axes: Axes, scale: _Scale, line: Line, look: Look) -> None:
    finite = [(scale.place(value), cell) for value, _, cell in line.points if math.isfinite(value)]
    banded_line(axes, [x for x, _ in finite], [cell for _, cell in finite], look, size=4.5)
    for value, _, cell in line.points:
        if not math.isfinite(value):
            points(axes, [cell], [scale.place(value)], look, across=False, size=4.5)
        if len(cell.per_seed) > 1:
            seeds = [scale.place(value)] * len(cell.per_seed)
            axes.plot(seeds, cell.per_seed, look.marker, color=look.colour, alpha=0.35, markersize=2.5, mew=0)


@dataclass(frozen=True)
class _Scale:
    """Where numbers stand on the axis: in their own places, 'inf' apart at the end."""

    numbers: tuple[float, ...]
    """The finite ones, in order."""
    is_logarithmic: bool
    beyond: float | None
    """Where 'inf' stands; None where it was not asked."""

    @classmethod
    def of(cls, values: Sequence[float]) -> _Scale:
        numbers = tuple(sorted({value for value in values if math.isfinite(value)}))
        low, high = numbers[0], numbers[-1]
        is_logarithmic = low > 0 and high / low >= _DECADE
        beyond = high * (high / low) ** _GAP if is_logarithmic else high + _GAP * ((high - low) or 1.0)
        return cls(numbers, is_logarithmic, beyond if math.inf in values else None)

    def place(self, value: float) -> float:
        """On the axis."""
        return value if math.isfinite(value) or self.beyond is None else self.beyond

    def mark(self, axes: Axes, name: str) -> None:
        """Name the axis and mark each number on it, with its label as far as labels have room."""
        axes.set_xlabel(name + ("  (logarithmic)" if self.is_logarithmic else ""))
        marks = [] if self.beyond is None else [(self.beyond, "inf")]
        marks += [(value, quantity(value) if value >= 10_000 else f"{value:g}") for value in reversed(self.numbers)]
        labelled: list[tuple[float, float, str]] = []  # (share of the axis, place, label)
        for place, text in marks:
            [share, _] = (axes.transData + axes.transAxes.inverted()).transform((place, axes.get_ylim()[0]))
            if all(abs(share - other) > _LETTER * (len(text) + len(label) + 1) / 2 for other, _, label in labelled):
                labelled.append((float(share), place, text))
        axes.set_xticks([place for _, place, _ in labelled], [text for _, _, text in labelled])
        axes.set_xticks([place for place, _ in marks], [""] * len(marks), minor=True)
        axes.grid(visible=False, which="minor")
        if self.beyond is not None:
            last = self.numbers[-1]
            between = math.sqrt(last * self.beyond) if self.is_logarithmic else (last + self.beyond) / 2
            axes.axvline(between, color=MUTED, linewidth=0.7, linestyle=(0, (1, 2)))


def cost_along(comparison: Comparison, kind: str) -> Plot | None:
    """Quality against a cost of COSTS, a line through the values of a number that changes the cost: of those of the
    model, the data, the training and the budget the one with the most values. Quality is bits per byte, or, where
    nobody measured that, the first headline."""
    measure = comparison.ladder or next(iter(comparison.judged_headlines), None)
    if measure is None:
        return None
    of_system = cost_of_systems(comparison, kind)
    for option in swept(comparison):
        if not option.key.startswith(("decoding.", "evals.")):
            along = [_that_cost(line, of_system) for line in _lines(comparison, option, measure)[0]]
            if any(tells([of_system[system] for _, system, _ in line.points]) for line in along):
                return _along_cost(comparison, option, [line for line in along if line.points], measure, kind)
    return None


def _that_cost(line: Line, of_system: Mapping[str, float]) -> Line:
    """The line without points that have no place on a logarithmic axis of costs."""
    return replace(line, points=tuple(point for point in line.points if of_system.get(point[1])))


def _along_cost(comparison: Comparison, option: Option, along: Sequence[Line], measure: MeasureKey, kind: str) -> Plot:
    of_system = cost_of_systems(comparison, kind)
    style = _style(comparison, along)
    labels = [beside_row(line.name) for line in along]
    figure = new_figure(right_height(labels, 1.4))
    axes = figure.add_subplot()
    axes.set_xscale("log")
    ends = []
    for line, name in zip(along, labels, strict=True):
        look = style[line.name]
        xs, cells = [of_system[system] for _, system, _ in line.points], [cell for _, _, cell in line.points]
        finite = [(x, value_of(cell)) for x, (value, _, cell) in zip(xs, line.points, strict=True) if value < math.inf]
        axes.plot(*zip(*finite, strict=True), color=look.colour, linewidth=1.0, alpha=0.9)
        points(axes, cells, xs, look, across=False, size=4.5)
        ends.append((name, look, xs[-1], value_of(cells[-1])))
    axes.margins(0.05, 0.08)
    _quality_axis(axes, measure, [cell for line in along for _, _, cell in line.points])
    quantity_axis(axes.xaxis)
    axes.set_xlabel(f"{kind}  (logarithmic)")
    finish_right(figure, axes, ends)
    title = f"{_quality(measure).capitalize()} against {kind}, along {option.axis}"
    caption = (
        f"A line goes through the values of {option.axis}, from {option.values[0]:g} up. "
        f"{intervals_told('Lines across points', [cell for line in along for _, _, cell in line.points])}."
    )
    numbers_text = "; ".join(
        f"{line.name}: "
        + ", ".join(f"{estimate_text(cell)} for {quantity(of_system[system])}" for _, system, cell in line.points)
        for line in along
    )
    name = f"cost_{file_name(kind)}_along_{file_name(option.key.rpartition('.')[2])}"
    return drawn(figure, name, "learning", title, caption, f"{title}. {numbers_text}.")


def _style(comparison: Comparison, along: Sequence[Line]) -> dict[str, Look]:
    """A line that is named as a system is looks as that does in the other plots."""
    names = [line.name for line in along]
    return looks(comparison.systems if set(names) <= set(comparison.systems) else names)


def _quality(measure: MeasureKey) -> str:
    return "test bits per byte" if measure.metric == LADDER_METRIC else words(measure.metric)


def _mark_target(axes: Axes, measure: MeasureKey, cells: Sequence[Cell]) -> None:
    """A line at the best value to have, where there is one for all."""
    targets = {cell.target for cell in cells}
    target = targets.pop() if len(targets) == 1 else None
    if target is not None:
        axes.axhline(target, color=INK, linewidth=0.8, alpha=0.6)
        name = target_words(measure)
        axes.annotate(name, (0.02, target), xycoords=("axes fraction", "data"), va="bottom", fontsize=8.5)


def _quality_axis(axes: Axes, measure: MeasureKey, cells: Sequence[Cell]) -> None:
    ends = [end for cell in cells for end in (*ends_of(cell), *([] if cell.target is None else [cell.target]))]
    if measure.unit == "share":
        share_axis(axes.yaxis, top_of(cells))
    elif min(ends) > 0 and max(ends) > _WIDE * min(ends):
        axes.set_yscale("log")
        plain_log_axis(axes.yaxis)
    else:
        axes.yaxis.set_major_locator(MaxNLocator(6))
    axes.set_ylabel(_quality(measure) + arrow(measure, "↑", "↓"))
