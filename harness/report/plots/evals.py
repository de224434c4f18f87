"""The plots of an eval: all its measures, and its headline by each of its slices.

No eval or decoding strategy is named: what is drawn follows from the measures and slices that the records hold.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from harness.common.numerals import quantity
from harness.report.baselines import baselines, measures_of_models
from harness.report.comparison import ANY_DECODING, Cell, Comparison, MeasureKey, beginning
from harness.report.palette import MUTED
from harness.report.plots.drawing import (
    arrow,
    banded_line,
    beside_row,
    ends_of,
    file_name,
    has_value,
    label,
    legend_columns,
    measured,
    not_alike,
    points,
    row_height,
    share_axis,
    shown_under,
    top_of,
)
from harness.report.plots.style import Look, Plot, drawn, looks, new_figure
from harness.report.wording import estimate_text, intervals_told, joined, words

_MAX_CATEGORIES = 12
_LONGEST_LINE = 26  # of a panel's title; beside long names panels are narrow
_LONGEST_BESIDE_LONG_NAMES, _LONG_NAME = 15, 16
_PANELS_ACROSS = 2
_BASELINE = Look(MUTED, "d")
_SAME = Look(MUTED, "o")


def measures(comparison: Comparison, eval_name: str) -> Plot | None:
    """Every measure of an eval, a panel each: systems down and baselines below them, values across, a marker a decoding
    strategy, chance dotted. Panels with baselines come first, so that the others have no empty rows."""
    beside = baselines(comparison, eval_name)
    shown = [m for m in measures_of_models(comparison, eval_name) if _any_value(comparison, m)]
    shown.sort(key=lambda measure: not any(measure in row for row in beside.values()))
    if not shown:
        return None
    decodings = comparison.decodings_of(*shown)
    systems = [s for s in comparison.systems if any(comparison.cell(s, ANY_DECODING, m) for m in shown)]
    decodings_in = {m: comparison.decodings_of(m) for m in shown}
    style = looks(comparison.systems if len(decodings) == 1 else decodings)
    names_of_decodings = [beside_row(decoding) for decoding in decodings]
    num_legend_rows = math.ceil(len(decodings) / legend_columns(names_of_decodings))
    rows = [shown[first : first + _PANELS_ACROSS] for first in range(0, len(shown), _PANELS_ACROSS)]
    below = [[name for name, cells in beside.items() if any(measure in cells for measure in row)] for row in rows]
    names = [[beside_row(name) for name in [*systems, *map(words, found)]] for found in below]
    every_name = [name for row in names for name in row]
    each = row_height(every_name, max(0.24, 0.045 * len(decodings)))
    heights = [each * len(row) + 0.7 for row in names]
    figure = new_figure(sum(heights) + 0.2 + row_height(names_of_decodings, 0.2) * num_legend_rows)
    grid = figure.subplots(
        len(rows), min(_PANELS_ACROSS, len(shown)), sharey="row", squeeze=False, height_ratios=heights
    )
    narrow = max(len(line) for name in every_name for line in name.splitlines()) > _LONG_NAME
    shown_cells: list[Cell] = []
    for row, found, labels, panels in zip(rows, below, names, grid, strict=True):
        for axes in panels[len(row) :]:
            axes.set_visible(False)
        for measure, axes in zip(row, panels, strict=False):
            cells = _measure_panel(axes, comparison, measure, systems, decodings_in[measure], style)
            known = [(len(systems) + place, beside[name].get(measure)) for place, name in enumerate(found)]
            known_cells = [(place, cell) for place, cell in known if cell and has_value(cell)]
            beside_cells = [cell for _, cell in known_cells]
            points(axes, beside_cells, [place for place, _ in known_cells], _BASELINE, across=True, size=3.6)
            _finish_panel(axes, measure, [*cells, *beside_cells], len(labels), narrow)
            shown_cells += cells
        panels[0].set_yticks(range(len(labels)), labels)
    if len(decodings) > 1:
        _legend(figure, [_handle(style[d]) for d in decodings], names_of_decodings, "outside upper center")
    title = f"{words(eval_name).capitalize()}: all measures"
    caption = (
        "Each panel is one measure; models are ordered, the worst first"
        + (f"; the last rows are reference values: {joined([words(name) for name in beside])}" if beside else "")
        + f". {intervals_told('Lines', shown_cells)}"
        + (", markers decoding strategies" if len(decodings) > 1 else "")
        + (", the dotted line is blind guessing." if any(_chance(comparison, m) is not None for m in shown) else ".")
        + (" Grey: the same under every strategy." if len(set(decodings_in.values())) > 1 else "")
        + not_alike(comparison, shown[0], decodings_in[shown[0]][0])
    )
    numbers_text = "; ".join(
        _told(comparison, m, systems, decodings_in[m])
        + "".join(f", {words(name)} {estimate_text(row[m])}" for name, row in beside.items() if m in row)
        for m in shown
    )
    return drawn(figure, f"{file_name(eval_name)}_measures", "evals", title, caption, f"{title}. {numbers_text}.")


def _measure_panel(
    axes: Axes,
    comparison: Comparison,
    measure: MeasureKey,
    systems: Sequence[str],
    decodings: Sequence[str],
    style: dict[str, Look],
) -> list[Cell]:
    """The points of a panel, drawn; a marker a system where no strategy makes a difference. Returns what was drawn."""
    shown = []
    for rank, decoding in enumerate(decodings):
        for place, system in enumerate(systems):
            cell = comparison.cell(system, decoding, measure)
            if cell and has_value(cell):
                look = style.get(decoding) or style.get(system) or _SAME
                points(axes, [cell], [place + _dodge(rank, len(decodings), 0.6)], look, across=True, size=3.6)
                shown.append(cell)
    return shown


def _finish_panel(axes: Axes, measure: MeasureKey, cells: Sequence[Cell], num_rows: int, narrow: bool) -> None:
    chance = next((cell.chance for cell in cells if cell.chance is not None), None)
    if chance is not None:
        axes.axvline(chance, color=MUTED, linewidth=1.0, linestyle=(0, (1, 1.5)))
    longest = _LONGEST_BESIDE_LONG_NAMES if narrow else _LONGEST_LINE
    axes.set_title("\n".join(textwrap.wrap(words(measure.metric) + arrow(measure, "→", "←"), longest)))
    axes.set_ylim(num_rows - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    if measure.unit == "share":
        share_axis(axes.xaxis, top_of(cells), num_ticks=3)
    else:
        left, right = axes.get_xlim()
        is_positive = all(low >= 0 for cell in cells for low in ends_of(cell))
        axes.set_xlim(left=-0.03 * right if is_positive else min(0.0, left))
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: quantity(value)))
        axes.set_xlabel(words(measure.unit))


def slices(comparison: Comparison, measure: MeasureKey) -> list[Plot | None]:
    """The measure by each of its slices, as operation or digits: a group a value, a marker a system, chance as
    dashes."""
    decoding = comparison.best_decoding(measure)
    return [_slice(comparison, measure, decoding, name, parts) for name, parts in comparison.slices(measure).items()]


def _slice(comparison: Comparison, measure: MeasureKey, decoding: str, name: str, parts: list[str]) -> Plot | None:
    cells = {
        system: [comparison.cell(system, decoding, measure, f"{name}={part}") for part in parts]
        for system in comparison.systems
    }
    cells = {system: row for system, row in cells.items() if any(c and has_value(c) for c in row)}
    numbers = _as_numbers(parts)
    many = len(parts) > _MAX_CATEGORIES
    if not cells or len(parts) < 2 or (many and numbers is None):
        return None
    places = numbers if many and numbers is not None else [float(place) for place in range(len(parts))]
    chances = [next((c.chance for row in cells.values() if (c := row[place]) and c.chance is not None), None) for place
    in
               range(len(parts))]  # fmt: skip
    style = looks(comparison.systems)
    handles, names = [_handle(style[system]) for system in cells], [beside_row(system) for system in cells]
    if any(chance is not None for chance in chances):
        handles.append(Line2D([], [], color=MUTED, linewidth=1.4, linestyle=(0, (1, 1))))
        names.append("chance")
    num_legend_rows = math.ceil(len(names) / legend_columns(names))
    figure = new_figure(2.7 + row_height(names, 0.19) * num_legend_rows)
    axes = figure.add_subplot()
    for rank, (system, row) in enumerate(cells.items()):
        known = [(x, c) for x, c in zip(places, row, strict=True) if c and has_value(c)]
        if numbers is None:
            offset = _dodge(rank, len(cells), min(0.72, 0.12 * len(cells)))
            points(axes, [c for _, c in known], [x + offset for x, _ in known], style[system], across=False, size=4.2)
        else:
            banded_line(axes, [x for x, _ in known], [c for _, c in known], style[system], 0.0 if many else 4.2)
    _draw_chances(axes, places, chances, connected=numbers is not None)
    if not many:
        axes.set_xticks(places, [_tick(part) for part in parts])
        axes.set_xlim(-0.5, len(parts) - 0.5)
        axes.tick_params(axis="x", length=0)
        axes.grid(visible=False, axis="x")
    axes.set_ylabel(words(measure.metric) + arrow(measure, "↑", "↓"))
    of_ranges = numbers is not None and any(part.strip("0123456789.") for part in parts)
    axes.set_xlabel(words(name) + (", from" if of_ranges else ""))
    if measure.unit == "share":
        share_axis(axes.yaxis, top_of([c for row in cells.values() for c in row if c]))
    _legend(figure, handles, names, "outside lower center")
    title = f"{words(measure.eval).capitalize()}: {words(measure.metric)} by {words(name)}"
    is_told = decoding != ANY_DECODING and len(comparison.decodings) > 1
    under = shown_under(comparison, measure) if is_told else ""
    intervals = intervals_told(
        "Lines" if numbers is None else "Bands", (cell for row in cells.values() for cell in row)
    )
    caption = f"{words(measure.metric).capitalize()} by {words(name)}. {intervals}.{under}"
    caption += not_alike(comparison, measure, decoding)
    numbers_text = "; ".join(
        f"{system}: "
        + ", ".join(f"{part} {estimate_text(c) if c else 'not asked'}" for part, c in zip(parts, row, strict=True))
        for system, row in cells.items()
    )
    return drawn(
        figure, f"{file_name(measure.eval)}_by_{file_name(name)}", "evals", title, caption, f"{title}. {numbers_text}."
    )


def _draw_chances(axes: Axes, places: Sequence[float], chances: Sequence[float | None], connected: bool) -> None:
    """Dotted: a line through numbers, a dash at each category."""
    known = [(place, chance) for place, chance in zip(places, chances, strict=True) if chance is not None]
    parts = [known] if connected else [[(x - 0.44, chance), (x + 0.44, chance)] for x, chance in known]
    for part in filter(None, parts):
        axes.plot(*zip(*part, strict=True), color=MUTED, linewidth=1.4, linestyle=(0, (1, 1)), zorder=2)


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
