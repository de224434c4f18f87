"""Calibration: of the events that a model gives a probability of 30 %, 30 % should happen. A plot for every forecast
(harness/report/forecasts.py)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from harness.report.comparison import Comparison
from harness.report.forecasts import forecasts
from harness.report.palette import MUTED
from harness.report.plots.drawing import beside_row, legend_columns, row_height
from harness.report.plots.style import Plot, drawn, looks, new_figure
from harness.report.wording import words

_TICKS = (0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0)


def calibrations(comparison: Comparison) -> list[Plot | None]:
    """A plot a forecast."""
    return [_calibration(comparison, forecast) for forecast in forecasts(comparison)]


def _calibration(comparison: Comparison, forecast: dict[str, Any]) -> Plot | None:
    eval_name, name = forecast["eval"], forecast["event"]
    calibration = forecast["calibration"]
    curves = {system: calibration[system] for system in comparison.systems if system in calibration}
    if not curves:
        return None
    style = looks(comparison.systems)
    names = {system: beside_row(system) for system in curves}
    num_columns = legend_columns([line for name in names.values() for line in name.splitlines()])
    figure = new_figure(4.4 + row_height(list(names.values()), 0.19) * math.ceil(len(curves) / num_columns))
    axes = figure.add_subplot()
    _scale(axes)
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1.0, linestyle=(0, (4, 3)), zorder=1.5)
    for system, curve in curves.items():
        means, shares = zip(*curve, strict=True)
        look = style[system]
        axes.plot(
            means,
            shares,
            color=look.colour,
            marker=look.marker,
            markersize=4,
            linewidth=1.0,
            alpha=0.85,
            label=names[system],
        )
    axes.set_xlabel(f"probability given to a {words(name)}")
    axes.set_ylabel("share that happened")
    figure.legend(loc="outside lower center", ncols=num_columns, columnspacing=1.2, handletextpad=0.4)
    title = f"{words(eval_name).capitalize()}: calibration of the probability of a {words(name)}"
    caption = (
        "Each point is a tenth of the places, ordered by probability: the mean probability, and the share where it "
        "happened. On the dashed line both are equal; above it, it happened more often than the model said. Low "
        "probabilities are drawn wider apart."
    )
    numbers_text = "; ".join(
        f"{system}: " + ", ".join(f"{100 * mean:.3g} % given, {100 * share:.3g} % happened" for mean, share in curve)
        for system, curve in curves.items()
    )
    return drawn(figure, f"{eval_name}_{name}_calibration", "evals", title, caption, f"{title}. {numbers_text}.")


def _scale(axes: Axes) -> None:
    """Both axes alike, so that the diagonal stays one; by square roots, since what is rare is mostly held for rare."""
    functions = (lambda values: np.sqrt(np.maximum(values, 0)), np.square)
    for set_scale, set_ticks in ((axes.set_xscale, axes.set_xticks), (axes.set_yscale, axes.set_yticks)):
        set_scale("function", functions=functions)
        set_ticks(_TICKS, [f"{100 * tick:g}" + (" %" if tick == 1 else "") for tick in _TICKS])
    axes.set_xlim(0, 1.02)
    axes.set_ylim(0, 1.02)
