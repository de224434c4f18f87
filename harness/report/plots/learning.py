"""The plots of how well the systems predict text, and at what cost: the ladder, the curves, cost against quality.

Each function draws from a `Comparison`, and gives None where there is nothing to draw. No family is named: what is
drawn follows from the records.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator

from harness.common.numerals import quantity
from harness.report.comparison import ANY_DECODING, Comparison
from harness.report.plots.drawing import (
    beside_row,
    file_name,
    measured,
    not_alike,
    points,
    right_height,
    row_height,
    value_of,
)
from harness.report.plots.style import LABELS_FROM, Look, Plot, drawn, fix_layout, label_right, looks, new_figure
from harness.report.results import Run
from harness.report.wording import estimate_text, intervals_told

COSTS: dict[str, Callable[[Run], Any]] = {
    "parameters": lambda run: run.record.cost.get("num_params"),
    "training seconds": lambda run: run.record.spent.get("seconds"),
}
_TELLING_FACTOR = 2


def ladder(comparison: Comparison) -> Plot | None:
    """Systems by bits per byte with 95 % intervals, the worst at the top."""
    measure = comparison.ladder
    if measure is None:
        return None
    rows = measured(comparison, ANY_DECODING, measure)
    if not rows:
        return None
    style = looks(comparison.systems)
    names = [beside_row(system) for system, _ in rows]
    figure = new_figure(row_height(names, 0.31) * len(rows) + 0.75)
    axes = figure.add_subplot()
    axes.set_xscale("log")
    for place, (system, cell) in enumerate(rows):
        look = style[system]
        points(axes, [cell], [place], look, across=True, size=4.5)
        if len(cell.per_seed) > 1 and comparison.depends_on_seed(system):
            axes.plot(cell.per_seed, [place + 0.3] * len(cell.per_seed), "|", color=look.colour, markersize=4)
        axes.text(1.02, place, estimate_text(cell), transform=axes.get_yaxis_transform(), va="center", fontsize=9.0)
    axes.set_yticks(range(len(rows)), names)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    plain_log_axis(axes.xaxis)
    axes.set_xlabel("test bits per byte, logarithmic  (← better)")
    numbers_text = "; ".join(f"{system} {estimate_text(cell)}" for system, cell in rows)
    seeds = max((len(cell.seeds) for system, cell in rows if comparison.depends_on_seed(system)), default=0)
    intervals = intervals_told("Lines", (cell for _, cell in rows))
    caption = f"Bits needed per byte of test text, the worst model first. {intervals}. " + (
        "Small ticks are single training seeds."
        if seeds > 1
        else "One training seed: intervals cover test documents only."
        if seeds
        else "No fit here depends on its seed: intervals cover test documents."
    )
    caption += not_alike(comparison, measure, ANY_DECODING)
    return drawn(
        figure,
        "ladder",
        "ladder",
        "The ladder: test bits per byte",
        caption,
        f"Test bits per byte, worst first: {numbers_text}.",
    )


def curves(comparison: Comparison) -> list[Plot | None]:
    """Validation bits per byte against training seconds, and against tokens; none where nobody was trained in steps."""
    fits: dict[str, list[tuple[np.ndarray, np.ndarray, np.ndarray]]] = {}
    for run in comparison.fits():
        curve = run.learning_curve
        if {"seconds", "tokens", "validation_bits_per_byte"} <= set(curve.columns):
            kept = curve[np.isfinite(curve["validation_bits_per_byte"].astype(float))]
            if len(kept):
                columns = [kept[c].to_numpy(dtype=float) for c in ("seconds", "tokens", "validation_bits_per_byte")]
                fits.setdefault(run.system, []).append((columns[0], columns[1], columns[2]))
    if all(len(bits) == 1 for seeds in fits.values() for _, _, bits in seeds):
        return []
    return [
        _curve(comparison, {s: [(f[0], f[2]) for f in fits[s]] for s in fits}, "seconds", "training seconds"),
        _curve(comparison, {s: [(f[1], f[2]) for f in fits[s]] for s in fits}, "tokens", "training tokens"),
    ]


def _curve(
    comparison: Comparison, fits: dict[str, list[tuple[np.ndarray, np.ndarray]]], name: str, words_for_x: str
) -> Plot | None:
    positive = np.concatenate([x[x > 0] for seeds in fits.values() for x, _ in seeds])
    if not len(positive):
        return None
    style = looks(comparison.systems)
    figure = new_figure(right_height([beside_row(system) for system in fits], 1.2))
    axes = figure.add_subplot()
    axes.set_xscale("log")
    axes.set_yscale("log")
    low, high = float(positive.min()), float(positive.max())
    axes.set_xlim(low / 1.3, high * 1.25)
    labels = []
    for system in [s for s in comparison.systems if s in fits]:
        look = style[system]
        for x, y in fits[system]:
            x = np.maximum(x, low)
            if len(x) == 1:
                axes.plot([x[0], high * 1.25], [y[0], y[0]], color=look.colour, linewidth=1.0, linestyle=(0, (1, 2)))
                axes.plot(x, y, look.marker, color=look.colour, markersize=6, zorder=3)
            else:
                axes.plot(x, y, color=look.colour, linewidth=1.4, alpha=0.9 if len(fits[system]) == 1 else 0.65)
                axes.plot(x[-1], y[-1], look.marker, color=look.colour, markersize=5, zorder=3)
        x, y = fits[system][0]
        labels.append((beside_row(system), look, high * 1.25 if len(x) == 1 else float(max(x[-1], low)), float(y[-1])))
    axes.margins(y=0.08)
    plain_log_axis(axes.yaxis)
    quantity_axis(axes.xaxis)
    axes.set_xlabel(f"{words_for_x}  (logarithmic)")
    axes.set_ylabel("validation bits per byte  (↓ better)")
    finish_right(figure, axes, labels)
    last = {system: fits[system][0] for system in comparison.systems if system in fits}
    numbers_text = "; ".join(
        f"{s} ends at {y[-1]:.3f} after {quantity(float(x[-1]))} {name}" for s, (x, y) in last.items()
    )
    caption = (
        f"Validation bits per byte while training, against {words_for_x}. A model that is counted in one pass is a "
        "single marker; the dotted line carries its level across."
    )
    if comparison.ladder:
        caption += not_alike(comparison, comparison.ladder, ANY_DECODING)
    title = f"Learning against {name}"
    return drawn(figure, f"validation_by_{name}", "learning", title, caption, f"{title}: {numbers_text}.")


def cost(comparison: Comparison, kind: str) -> Plot | None:
    """Quality against a cost of COSTS; none where the systems cost about the same."""
    measure = comparison.ladder
    if measure is None:
        return None
    of_system = cost_of_systems(comparison, kind)
    rows = [(s, c, of_system[s]) for s, c in measured(comparison, ANY_DECODING, measure) if s in of_system]
    xs = [x for _, _, x in rows]
    if not tells(xs):
        return None
    style = looks(comparison.systems)
    figure = new_figure(right_height([beside_row(system) for system, _, _ in rows], 1.2))
    axes = figure.add_subplot()
    if min(xs) > 0:
        axes.set_xscale("log")
        axes.set_xlim(min(xs) / 1.6, max(xs) * 1.6)
    else:
        axes.set_xscale("symlog", linthresh=1.0, linscale=0.4)
        axes.set_xlim(-0.35, max(1.0, max(xs)) * 2)
    axes.set_yscale("log")
    labels = []
    for system, cell, x in rows:
        look = style[system]
        points(axes, [cell], [x], look, across=False, size=5.5)
        labels.append((beside_row(system), look, x, value_of(cell)))
    axes.margins(y=0.08)
    plain_log_axis(axes.yaxis)
    quantity_axis(axes.xaxis)
    axes.set_xlabel(f"{kind}  (logarithmic)")
    axes.set_ylabel("test bits per byte  (↓ better)")
    finish_right(figure, axes, labels)
    numbers_text = "; ".join(f"{system}: {quantity(x)} {kind}, {estimate_text(cell)}" for system, cell, x in rows)
    caption = f"Test bits per byte against {kind}: lower left is cheap and good. "
    caption += f"{intervals_told('Lines', [cell for _, cell, _ in rows])}."
    caption += not_alike(comparison, measure, ANY_DECODING)
    title = f"Quality against {kind}"
    return drawn(figure, f"cost_{file_name(kind)}", "learning", title, caption, f"{title}. {numbers_text}.")


def cost_of_systems(comparison: Comparison, kind: str) -> dict[str, float]:
    """The mean over seeds of a cost of COSTS, by system."""
    of_seeds: dict[str, list[float]] = {}
    for run in comparison.fits():
        value = COSTS[kind](run)
        if value is not None:
            of_seeds.setdefault(run.system, []).append(float(value))
    return {system: float(np.mean(values)) for system, values in of_seeds.items()}


def tells(costs: Sequence[float]) -> bool:
    """Whether costs are far enough apart to be an axis: equal runs differ in seconds, too."""
    return len(costs) > 1 and max(costs) > _TELLING_FACTOR * min(costs)


def plain_log_axis(axis: Axis) -> None:
    """Ticks as people write them: 2, 2.5, 3, 4; fewer of them where the axis spans much."""
    low, high = axis.get_view_interval()
    subs = (1, 2, 3, 4, 6) if high > 3 * low else (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8)
    axis.set_major_locator(LogLocator(base=10, subs=subs))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.minorticks_off()


def quantity_axis(axis: Axis) -> None:
    """Ticks as 10k, 1M; more of them where the axis spans little."""
    low, high = axis.get_view_interval()
    if low > 0:
        ratio = high / low
        subs = (1,) if ratio > 50 else (1, 2, 5) if ratio > 5 else (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9)
        axis.set_major_locator(LogLocator(base=10, subs=subs))
    axis.set_major_formatter(FuncFormatter(lambda value, _: quantity(value)))
    axis.minorticks_off()


def finish_right(figure: Figure, axes: Axes, labels: list[tuple[str, Look, float, float]]) -> None:
    """Lay the figure out with room for the names at the right, then put them there."""
    widest = max((line for name, *_ in labels for line in name.splitlines()), key=len)
    axes.text(LABELS_FROM, 0.5, widest, transform=axes.transAxes, fontsize=9.0, alpha=0)
    fix_layout(figure)
    axes.texts[-1].remove()
    label_right(axes, labels)
