"""Calibration of preference models: of the pairs in which they hold the first reply for better with 70 %, raters should
say so in 70 %. Beside them the rater's own probabilities, where they are known: nobody can be calibrated better.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from harness.report.comparison import Comparison
from harness.report.palette import MUTED
from harness.report.plots.drawing import beside_row, legend_columns, row_height
from harness.report.plots.style import Plot, drawn, looks, new_figure

_FACTS = "preference_model"
_DASHED = (0, (4, 2))
_Bins = Sequence[tuple[float, float, int]]


def preference_calibrations(comparison: Comparison) -> list[Plot | None]:
    """One plot, where some stage has learnt from ratings: each system's first fit that has."""
    curves: dict[str, tuple[_Bins, _Bins]] = {}
    for run in comparison.fits():
        for facts in run.record.stages:
            if run.system not in curves and (bins := _bins(facts, "calibration")):
                curves[run.system] = bins, _bins(facts, "bayes_calibration")
    return [_calibration(comparison, curves)] if curves else []


def _bins(stage: Mapping[str, Any], name: str) -> _Bins:
    return [(float(given), float(said), int(number)) for given, said, number in stage.get(_FACTS, {}).get(name, ())]


def _calibration(comparison: Comparison, curves: Mapping[str, tuple[_Bins, _Bins]]) -> Plot:
    style = looks(comparison.systems)
    names = {system: beside_row(system) for system in comparison.systems if system in curves}
    num_columns = legend_columns([line for name in names.values() for line in name.splitlines()])
    figure = new_figure(4.0 + row_height(list(names.values()), 0.19) * math.ceil(len(names) / num_columns))
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1.0, zorder=1.5)
    has_rater = False
    for system, name in names.items():
        look = style[system]
        for bins, line, label in zip(curves[system], ("-", _DASHED), (name, None), strict=True):
            if bins:
                given, said, _ = zip(*bins, strict=True)
                marker = look.marker if label else ""
                axes.plot(given, said, color=look.colour, marker=marker, markersize=4, linestyle=line, label=label)
        has_rater = has_rater or bool(curves[system][1])
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_xlabel("probability that the first reply is better")
    axes.set_ylabel("share in which the rater said so")
    figure.legend(loc="outside lower center", ncols=num_columns, columnspacing=1.2, handletextpad=0.4)
    title = "Calibration of preference models"
    caption = (
        "Each point is a part of the ratings that were held out, ordered by probability, of 100 or more. On the grey "
        "line both are equal."
    )
    if has_rater:
        caption += " Dashed: the rater's own probabilities, by which nobody can be calibrated better but for chance."
    numbers = "; ".join(
        f"{system}: " + ", ".join(f"{100 * given:.3g} % given, {100 * said:.3g} % said" for given, said, _ in bins)
        for system, (bins, _) in curves.items()
    )
    return drawn(figure, "preference_calibration", "learning", title, caption, f"{title}. {numbers}.")
