"""The plots of an eval: all its measures, and its headline by each of its slices.

No eval or decoding strategy is named: what is drawn follows from the measures and slices that the records hold.
"""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from harness.report.baselines import baselines, measures_of_models
from harness.report.comparison import ANY_DECODING, Comparison, MeasureKey, beginning
from harness.report.plots.drawing import (
    beside_row,
    has_value,
    label,
    legend_columns,
    measured,
    points,
    row_height,
    value_of,
)
from harness.report.plots.style import MUTED, Look, Plot, drawn, looks, new_figure
from harness.report.wording import estimate_text, joined, quantity, words

_MAX_CATEGORIES = 12
_LONGEST_LINE = 26  # of a panel's title; beside long names panels are narrow
_LONGEST_BESIDE_LONG_NAMES, _LONG_NAME = 15, 16
_BASELINE = Look(MUTED, "d")


def measures(comparison: Comparison, eval_name: str) -> Plot | None:
    """Every measure of an eval, a panel each: systems down and baselines below them, values across, a marker a decoding
    strategy, chance dotted."""
    shown = [m for m in measures_of_models(comparison, eval_name) if _any_value(comparison, m)]
    if not shown:
        return None
    decodings = comparison.decodings_of(*shown)
    systems = [s for s in comparison.systems if any(comparison.cell(s, ANY_DECODING, m) for m in shown)]
    beside = baselines(comparison, eval_name)
    style = looks(comparison.systems if len(decodings) == 1 else decodings)
    num_columns = min(2, len(shown))
    num_rows = math.ceil(len(shown) / num_columns)
    names_of_decodings = [label(decoding) for decoding in decodings]
    num_legend_rows = math.ceil(len(decodings) / legend_columns(names_of_decodings))
    names = [beside_row(name) for name in [*systems, *map(words, beside)]]
    panel_height = row_height(names, 0.24) * len(names) + 0.7
    figure = new_figure(panel_height * num_rows + 0.2 * (1 + num_legend_rows))
    grid = figure.subplots(num_rows, num_columns, sharey=True, squeeze=False)
    narrow = max(len(line) for name in names for line in name.splitlines()) > _LONG_NAME
    for panel, axes in enumerate(grid.flat):
        if panel >= len(shown):
            axes.set_visible(False)
            continue
        _measure_panel(axes, comparison, shown[panel], systems, decodings, style)
        rows = [(len(systems) + place, row.get(shown[panel])) for place, row in enumerate(beside.values())]
        known = [(place, cell) for place, cell in rows if cell and has_value(cell)]
        points(axes, [cell for _, cell in known], [place for place, _ in known], _BASELINE, across=True, size=3.6)
        _finish_panel(axes, comparison, shown[panel], len(systems) + len(beside), narrow)
    for axes in grid[:, 0]:
        axes.set_yticks(range(len(names)), names)
    if len(decodings) > 1:
        _legend(figure, [_handle(style[d]) for d in decodings], names_of_decodings, "outside upper center")
    title = f"{words(eval_name).capitalize()}: all measures"
    caption = (
        "Each panel is one measure; models from gibberish upward"
        + (f", below them {joined([words(name) for name in beside])}" if beside else "")
        + ". Lines are 95 % intervals"
        + (", markers decoding strategies" if len(decodings) > 1 else "")
        + (", the dotted line is chance." if any(_chance(comparison, m) is not None for m in shown) else ".")
    )
    told = "; ".join(
        _told(comparison, m, systems, decodings)
        + "".join(f", {words(name)} {estimate_text(row[m])}" for name, row in beside.items() if m in row)
        for m in shown
    )
    return drawn(figure, f"{_file_name(eval_name)}_measures", "evals", title, caption, f"{title}. {told}.")


def _measure_panel(
    axes: Axes,
    comparison: Comparison,
    measure: MeasureKey,
    systems: Sequence[str],
    decodings: Sequence[str],
    style: dict[str, Look],
) -> None:
    for rank, decoding in enumerate(decodings):
        for members in [[s] for s in systems] if len(decodings) == 1 else [list(systems)]:
            cells = [
                (systems.index(s), c) for s in members if (c := comparison.cell(s, decoding, measure)) and has_value(c)
            ]
            offset = _dodge(rank, len(decodings), 0.6)
            look = style[members[0] if len(decodings) == 1 else decoding]
            points(axes, [c for _, c in cells], [place + offset for place, _ in cells], look, across=True, size=3.6)


def _finish_panel(axes: Axes, comparison: Comparison, measure: MeasureKey, num_rows: int, narrow: bool) -> None:
    chance = _chance(comparison, measure)
    if chance is not None:
        axes.axvline(chance, color=MUTED, linewidth=1.0, linestyle=(0, (1, 1.5)))
    arrow = {True: " (→ better)", False: " (← better)", None: ""}[measure.higher_is_better]
    longest = _LONGEST_BESIDE_LONG_NAMES if narrow else _LONGEST_LINE
    axes.set_title("\n".join(textwrap.wrap(words(measure.metric) + arrow, longest)))
    axes.set_ylim(num_rows - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    if measure.unit == "share":
        axes.set_xlim(-0.03, 1.03)
        axes.set_xticks([0, 0.5, 1], ["0", "50", "100 %"])
    else:
        axes.set_xlim(left=min(0.0, axes.get_xlim()[0]))
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: quantity(value)))
        axes.set_xlabel(words(measure.unit))


def slices(comparison: Comparison, measure: MeasureKey) -> list[Plot | None]:
    """The measure by each of its slices, as operation or digits: a group a value, a marker a system, chance as
    dashes."""
    decoding = telling_decoding(comparison, measure)
    return [_slice(comparison, measure, decoding, name, parts) for name, parts in comparison.slices(measure).items()]


def _slice(comparison: Comparison, measure: MeasureKey, decoding: str, name: str, parts: list[str]) -> Plot | None:
    style = looks(comparison.systems)
    cells = {
        system: [comparison.cell(system, decoding, measure, f"{name}={part}") for part in parts]
        for system in comparison.systems
    }
    cells = {system: row for system, row in cells.items() if any(c and has_value(c) for c in row)}
    if not cells or len(parts) < 2:
        return None
    numbers = _as_numbers(parts)
    crowded = len(parts) > _MAX_CATEGORIES
    if crowded and numbers is None:
        return None
    places = numbers if crowded and numbers is not None else [float(place) for place in range(len(parts))]
    num_legend_rows = math.ceil((len(cells) + 1) / legend_columns([label(system) for system in cells]))
    figure = new_figure(2.7 + 0.19 * num_legend_rows)
    axes = figure.add_subplot()
    for rank, (system, row) in enumerate(cells.items()):
        look = style[system]
        offset = 0.0 if crowded else _dodge(rank, len(cells), min(0.72, 0.12 * len(cells)))
        known = [(x + offset, c) for x, c in zip(places, row, strict=True) if c and has_value(c)]
        xs, found = [x for x, _ in known], [c for _, c in known]
        if numbers is not None:
            axes.plot(xs, [value_of(c) for c in found], color=look.colour, linewidth=0.8, alpha=0.5)
        if not crowded:
            points(axes, found, xs, look, across=False, size=4.2)
    handles, names = [_handle(style[s]) for s in cells], [label(s) for s in cells]
    chances = [next((c.chance for row in cells.values() if (c := row[place]) and c.chance is not None), None) for place
    in
               range(len(parts))]  # fmt: skip
    for x, chance in zip(places, chances, strict=True):
        if chance is not None:
            axes.plot(
                [x - 0.44, x + 0.44], [chance, chance], color=MUTED, linewidth=1.4, linestyle=(0, (1, 1)), zorder=2
            )
    if any(chance is not None for chance in chances):
        handles.append(Line2D([], [], color=MUTED, linewidth=1.4, linestyle=(0, (1, 1))))
        names.append("chance")
    if not crowded:
        axes.set_xticks(places, [_tick(part) for part in parts])
        axes.set_xlim(-0.5, len(parts) - 0.5)
        axes.tick_params(axis="x", length=0)
        axes.grid(visible=False, axis="x")
    better = {True: "  (↑ better)", False: "  (↓ better)", None: ""}[measure.higher_is_better]
    axes.set_ylabel(words(measure.metric) + better)
    of_ranges = numbers is not None and any(part.strip("0123456789.") for part in parts)
    axes.set_xlabel(words(name) + (", from" if of_ranges else ""))
    if measure.unit == "share":
        top = max(0.12, min(1.02, axes.get_ylim()[1]))
        axes.set_ylim(-0.03 * top, top)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.3g} %"))
    _legend(figure, handles, names, "outside lower center")
    title = f"{words(measure.eval).capitalize()}: {words(measure.metric)} by {words(name)}"
    under = "" if decoding == ANY_DECODING or len(comparison.decodings) == 1 else (
        f" Under {label(decoding)}, the decoding strategy with the highest mean here; the others are in runs.csv."
    )  # fmt: skip
    caption = f"{words(measure.metric).capitalize()} by {words(name)}. Lines are 95 % intervals." + under
    told = "; ".join(
        f"{system}: "
        + ", ".join(f"{part} {estimate_text(c) if c else 'not asked'}" for part, c in zip(parts, row, strict=True))
        for system, row in cells.items()
    )
    return drawn(
        figure, f"{_file_name(measure.eval)}_by_{_file_name(name)}", "evals", title, caption, f"{title}. {told}."
    )


def telling_decoding(comparison: Comparison, measure: MeasureKey) -> str:
    """The decoding strategy under which the models do best on average: where there is most to see."""

    def average(decoding: str) -> float:
        values = list(comparison.values(measure, decoding).values())
        return measure.goodness(float(np.mean(values))) if values else -math.inf

    return max(comparison.decodings_of(measure), key=average)


def _any_value(comparison: Comparison, measure: MeasureKey) -> bool:
    return bool(measured(comparison, ANY_DECODING, measure))


def _chance(comparison: Comparison, measure: MeasureKey) -> float | None:
    return next((c.chance for _, c in measured(comparison, ANY_DECODING, measure) if c.chance is not None), None)


def _told(comparison: Comparison, measure: MeasureKey, systems: Sequence[str], decodings: Sequence[str]) -> str:
    parts = []
    for decoding in decodings:
        cells = [(s, comparison.cell(s, decoding, measure)) for s in systems]
        values = ", ".join(f"{s} {estimate_text(c)}" for s, c in cells if c is not None)
        parts.append(f"{values}" if len(decodings) == 1 else f"under {decoding}: {values}")
    return f"{words(measure.metric)}: " + "; ".join(parts)


def _dodge(rank: int, count: int, width: float) -> float:
    return 0.0 if count == 1 else width * (rank / (count - 1) - 0.5)


def _handle(look: Look) -> Line2D:
    return Line2D([], [], color=look.colour, marker=look.marker, linestyle="none", markersize=5)


def _legend(figure: Figure, handles: list[Line2D], names: list[str], where: Any) -> None:
    """A legend that reads row by row; matplotlib fills columns."""
    num_columns = legend_columns(names)
    order = [i for column in range(num_columns) for i in range(column, len(names), num_columns)]
    figure.legend(
        [handles[i] for i in order],
        [names[i] for i in order],
        loc=where,
        ncols=num_columns,
        columnspacing=1.2,
        handletextpad=0.4,
    )


def _tick(part: str) -> str:
    """A slice's value below its group: of a range where it begins, round thousands as 10k."""
    number = beginning(part)
    return label(part) if number is None else quantity(number) if number % 1000 == 0 else f"{number:g}"


def _as_numbers(parts: Sequence[str]) -> list[float] | None:
    numbers = [number for part in parts if (number := beginning(part)) is not None]
    return numbers if len(numbers) == len(parts) else None


def _file_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)[:60]
