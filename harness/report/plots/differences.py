"""How far each model is from the best one: differences over the same documents, with their own intervals.

A document that is hard for one model is hard for the others too. So the difference of two models varies much less from
document to document than either value, and models can differ clearly though their intervals in the ladder overlap.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from harness.common.numerals import interval
from harness.report.comparison import Comparison
from harness.report.pairs import pair_of, pairs_of
from harness.report.palette import INK, PAPER
from harness.report.plots.drawing import beside_row, label, row_height
from harness.report.plots.style import Plot, drawn, looks, new_figure

_LINEAR_UP_TO = 10
"""How many times the smallest difference the largest may be, for a linear axis."""


@dataclass(frozen=True)
class _Row:
    """A model beside the best one."""

    system: str
    difference: float
    """How much more it needs than the best."""
    ends: tuple[float, float] | None
    """Of the difference's interval; None where it has none."""
    is_significant: bool
    """Whether the best one's family is better."""

    def text(self, unit: str) -> str:
        """'+0.060 [0.021, 0.099]'."""
        shown = f"{self.difference:+.3g}" if not unit.startswith("bits") else f"{self.difference:+.3f}"
        low, high = self.ends or (None, None)
        return f"{shown} {interval(low, high, unit)}".rstrip()


def differences(comparison: Comparison, pairs: pd.DataFrame) -> Plot | None:
    """The ladder as differences from its best model, the worst model at the top; none where there is no other model, or
    models were not asked the same. pairs: as `compare_pairs` gives them."""
    measure = comparison.ladder
    if measure is None:
        return None
    decoding = comparison.best_decoding(measure)
    goodness = comparison.goodness(measure, decoding)
    if len(goodness) < 2 or comparison.not_alike(measure, decoding):
        return None
    best = max(goodness, key=lambda system: goodness[system])
    of_ladder = pairs_of(pairs, measure, decoding=decoding)
    rows = [_row(pair_of(of_ladder, "model", system, best), system, best) for system in goodness if system != best]
    known = [row for row in rows if not math.isnan(row.difference)]
    if not known:
        return None
    style = looks(comparison.systems)
    names = [beside_row(row.system) for row in known]
    figure = new_figure(row_height(names, 0.31) * len(known) + 0.9)
    axes = figure.add_subplot()
    for place, row in enumerate(known):
        look = style[row.system]
        if row.ends is not None:
            axes.hlines(place, *row.ends, color=look.colour, linewidth=1.8, alpha=0.55, zorder=2)
        inside = look.colour if row.is_significant else PAPER
        axes.plot(row.difference, place, look.marker, color=look.colour, markerfacecolor=inside, markersize=5, zorder=3)
        shown = row.text(measure.unit)
        axes.text(1.02, place, shown, transform=axes.get_yaxis_transform(), va="center", fontsize=9.0)
    axes.axvline(0, color=INK, linewidth=0.8, alpha=0.6, zorder=1)
    axes.set_yticks(range(len(known)), names)
    axes.set_ylim(len(known) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(f"bits per byte more than {label(best)}{_set_scale(axes, known)}")
    numbers_text = "; ".join(
        f"{row.system} {row.text(measure.unit)}{', a significant difference' if row.is_significant else ''}"
        for row in known
    )
    caption = (
        f"The line at 0 is the best model, {label(best)}: a model whose interval stays to the right of it needs more "
        "bits for the same documents, even where intervals in the ladder overlap. Filled: a significant difference "
        "between the families; hollow: not significant, or too few seeds to speak of families."
    )
    left_out = [row.system for row in rows if math.isnan(row.difference)]
    if left_out:
        caption += f" Not compared over the same documents: {', '.join(map(label, left_out))}."
    title = "The ladder as differences from its best model"
    alt = f"Bits per byte more than {best}, worst first: {numbers_text}."
    return drawn(figure, "differences", "ladder", title, caption, alt)


def _row(pair: Any, system: str, best: str) -> _Row:
    if pd.isna(pair["difference"]):
        return _Row(system, math.nan, None, False)
    turned = 1 if pair["model_a"] == system else -1
    ends = None
    if pd.notna(pair["ci_low"]):
        low, high = sorted(turned * float(end) for end in (pair["ci_low"], pair["ci_high"]))
        ends = (low, high)
    return _Row(system, turned * float(pair["difference"]), ends, pair["better"] == best)


def _set_scale(axes: Axes, rows: Sequence[_Row]) -> str:
    """Linear where differences are of one size, else linear near 0 and logarithmic beyond, which the text returned
    says. Ticks are as people write numbers."""
    reach = [abs(end) for row in rows for end in (*(row.ends or ()), row.difference)]
    below = [-row.ends[0] for row in rows if row.ends is not None and row.ends[0] < 0]
    sizes = [abs(row.difference) for row in rows if row.difference]
    near = _rounded_up(max([min(sizes), *below])) if sizes else 0.0
    if not near or max(reach) <= _LINEAR_UP_TO * near:
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.margins(x=0.08)
        return ""
    axes.set_xscale("symlog", linthresh=near, linscale=1.0)
    axes.xaxis.set_major_locator(FixedLocator(_ticks(near, max(reach), bool(below))))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.minorticks_off()
    axes.set_xlim(-1.25 * near if below else -0.15 * near, 1.4 * max(reach))
    return f"\n(logarithmic beyond {near:g})"


def _ticks(near: float, largest: float, has_negative: bool) -> list[float]:
    """0, the end of the linear part on each side that is drawn, and about one more for each factor of three."""
    exponent = math.floor(math.log10(near))
    steps = [step * 10.0**power for power in range(exponent, exponent + 12) for step in (1, 3)]
    beyond = [step for step in steps if 2 * near < step <= largest]
    return [*([-near] if has_negative else []), 0.0, near, *beyond]


def _rounded_up(value: float) -> float:
    """The next of 1, 2, 5, 10, 20, ..., of any size."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value * (1 - 1e-9))
