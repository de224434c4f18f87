"""Plots of a swept option: quality against its value, a line for each combination of the other settings.

Where systems differ in an option that can be put in order (a model's order or width, a budget), lines over its values
say more than a ladder of dozens of rows; against size and time the same lines take the place of single points.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes

from harness.report.comparison import ANY_DECODING, LADDER_METRIC, Cell, Comparison, MeasureKey
from harness.report.plots.drawing import label, measured, value_of
from harness.report.plots.evals import telling_decoding
from harness.report.plots.learning import finish_right, plain_log_axis, quantity_axis
from harness.report.plots.style import Plot, drawn, looks, new_figure
from harness.report.wording import estimate_text, quantity, words

_FEWEST_VALUES = 3


@dataclass(frozen=True)
class Swept:
    """The option that was swept, and the systems along it."""

    option: str
    """Its short name, as 'order'."""
    values: tuple[Any, ...]
    """In order; what is no number ('inf') comes last."""
    lines: Mapping[str, Mapping[Any, str]]
    """By the label of the other settings: value -> system."""


def swept(comparison: Comparison) -> Swept | None:
    """The ordered option with the most values, at least three; None where there is none."""
    settings = {run.system: dict(run.settings) for run in comparison.results.runs}
    names = {run.system: str(run.record.model.get("name")) for run in comparison.results.runs}
    values: dict[str, set[Any]] = {}
    for own in settings.values():
        for key, value in own.items():
            values.setdefault(key, set()).add(value if _is_ordered(value) else None)
    ordered = {key: found for key, found in values.items() if None not in found and len(found) >= _FEWEST_VALUES}
    if not ordered:
        return None
    option = max(sorted(ordered), key=lambda key: len(ordered[key]))
    lines: dict[str, dict[Any, str]] = {}
    for system, own in settings.items():
        if option in own:
            others = [str(value) for key, value in own.items() if key != option]
            name = [names[system]] if len(set(names.values())) > 1 or not others else []
            lines.setdefault(", ".join([*name, *others]), {})[own[option]] = system
    return Swept(option, tuple(sorted(ordered[option], key=_place)), lines)


def _is_ordered(value: Any) -> bool:
    return value == "inf" or (isinstance(value, (int, float)) and not isinstance(value, bool))


def _place(value: Any) -> float:
    return math.inf if value == "inf" else float(value)


def sweeps(comparison: Comparison) -> list[Plot | None]:
    """Quality against the swept option, against parameters and against training seconds. Quality is bits per byte, or,
    where nobody measured that, the first headline."""
    found, measure = swept(comparison), comparison.ladder or next(iter(comparison.headlines), None)
    if found is None or measure is None:
        return []
    decoding = ANY_DECODING if comparison.ladder else telling_decoding(comparison, measure)
    cells = dict(measured(comparison, decoding, measure))
    costs: dict[str, dict[str, float]] = {"parameters": {}, "training seconds": {}}
    for run in comparison.fits():
        for name, cost in (
            ("parameters", run.record.cost.get("num_params")),
            ("training seconds", run.record.spent.get("seconds")),
        ):
            if cost:
                costs[name][run.system] = float(cost)
    return [
        _by_option(comparison, found, cells, measure),
        *(_by_cost(found, cells, measure, name, by_system) for name, by_system in costs.items()),
    ]


def _by_option(comparison: Comparison, found: Swept, cells: Mapping[str, Cell], measure: MeasureKey) -> Plot | None:
    ticks = {value: place for place, value in enumerate(found.values)}
    points = {
        name: [(float(ticks[value]), cells[line[value]]) for value in found.values if line.get(value) in cells]
        for name, line in found.lines.items()
    }
    points = {name: own for name, own in points.items() if own}
    if not points:
        return None
    style = looks(list(found.lines))
    figure = new_figure(max(3.1, 0.2 * len(points) + 1.4))
    axes = figure.add_subplot()
    labels = []
    for name, own in points.items():
        look, xs, ys = style[name], [x for x, _ in own], [value_of(cell) for _, cell in own]
        low, high = zip(*(_span(cell) for _, cell in own), strict=True)
        axes.fill_between(xs, low, high, color=look.colour, alpha=0.12, linewidth=0)
        numbers = sum(found.values[round(x)] != "inf" for x in xs)
        axes.plot(xs[:numbers], ys[:numbers], color=look.colour, linewidth=1.3)
        axes.plot(xs, ys, look.marker, color=look.colour, markersize=4.5)
        labels.append((label(name), look, xs[-1], ys[-1]))
    axes.set_xticks(range(len(found.values)), [str(value) for value in found.values])
    axes.margins(y=0.08)
    _quality_axis(axes, measure)
    axes.set_xlabel(found.option.replace("_", " "))
    finish_right(figure, axes, labels)
    told = "; ".join(
        f"{name}: best {estimate_text(best)} at {found.values[round(x)]}"
        for name, own in points.items()
        for x, best in [min(own, key=lambda point: -measure.goodness(value_of(point[1])))]
    )
    title = f"Quality against {found.option.replace('_', ' ')}"
    caption = f"{_quality(measure).capitalize()} at each value of {found.option}. Bands are 95 % intervals."
    return drawn(figure, f"by_{found.option}", "learning", title, caption, f"{title}. {told}.")


def _quality(measure: MeasureKey) -> str:
    return "test bits per byte" if measure.metric == LADDER_METRIC else words(measure.metric)


def _quality_axis(axes: Axes, measure: MeasureKey) -> None:
    """Of plots whose points are drawn: shares from none to all, everything else on a logarithmic scale."""
    if measure.unit == "share":
        axes.set_ylim(-0.03, 1.03)
        axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "25", "50", "75", "100 %"])
    else:
        axes.set_yscale("log")
        plain_log_axis(axes.yaxis)
    arrow = {True: "  (↑ better)", False: "  (↓ better)", None: ""}[measure.higher_is_better]
    axes.set_ylabel(_quality(measure) + arrow)


def _span(cell: Cell) -> tuple[float, float]:
    low, high = cell.estimate.ci_low, cell.estimate.ci_high
    return (value_of(cell),) * 2 if low is None or high is None else (low, high)


def _by_cost(
    found: Swept, cells: Mapping[str, Cell], measure: MeasureKey, cost_name: str, by_system: Mapping[str, float]
) -> Plot | None:
    points = {
        name: [
            (by_system[line[value]], value_of(cells[line[value]]), value)
            for value in found.values
            if line.get(value) in cells and line.get(value) in by_system
        ]
        for name, line in found.lines.items()
    }
    points = {name: own for name, own in points.items() if own}
    if not points:
        return None
    style = looks(list(found.lines))
    figure = new_figure(max(3.1, 0.2 * len(points) + 1.4))
    axes = figure.add_subplot()
    axes.set_xscale("log")
    labels = []
    for name, own in points.items():
        xs, ys, values = zip(*own, strict=True)
        look = style[name]
        numbers = len(values) - values.count("inf")
        axes.plot(xs[:numbers], ys[:numbers], color=look.colour, linewidth=1.0, alpha=0.9)
        axes.plot(xs, ys, look.marker, color=look.colour, markersize=4.5)
        labels.append((label(name), look, xs[-1], ys[-1]))
    axes.margins(0.05, 0.08)
    _quality_axis(axes, measure)
    quantity_axis(axes.xaxis)
    axes.set_xlabel(f"{cost_name}  (logarithmic)")
    finish_right(figure, axes, labels)
    option = found.option.replace("_", " ")
    told = "; ".join(
        f"{name}: {best:.3f} for {quantity(cost)} {cost_name}"
        for name, own in points.items()
        for cost, best, _ in [max(own, key=lambda point: measure.goodness(point[1]))]
    )
    title = f"Quality against {cost_name}, along {option}"
    caption = (
        f"{_quality(measure).capitalize()} against {cost_name}; a line goes through the values of {option}, from "
        f"{found.values[0]} up."
    )
    return drawn(
        figure, f"by_{found.option}_{cost_name.replace(' ', '_')}", "learning", title, caption, f"{title}. {told}."
    )
