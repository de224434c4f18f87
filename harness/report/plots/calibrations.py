"""Calibration: of the events that a model gives a probability of 30 %, 30 % should happen.

Drawn for every eval whose samples have a forecast: a measure NAME, 1 where it happened and 0 where not, and beside it
NAME_probability. The bins hold equally many forecasts each (scikit-learn's calibration_curve). All seeds of a system
are taken together; of runs over one fit, one.
"""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from harness.report.comparison import Comparison
from harness.report.palette import MUTED
from harness.report.plots.drawing import beside_row, legend_columns, row_height
from harness.report.plots.style import Plot, drawn, looks, new_figure
from harness.report.wording import words

Floats = NDArray[np.float64]
_PROBABILITY = "_probability"
_NUM_BINS = 10
_TICKS = (0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0)


def calibrations(comparison: Comparison) -> list[Plot | None]:
    """A plot a forecast."""
    return [_calibration(comparison, *forecast) for forecast in _forecasts(comparison)]


def _forecasts(comparison: Comparison) -> list[tuple[str, str]]:
    """(eval, what is forecast), as far as some run's samples have it."""
    return sorted(
        {
            (eval_name, name.removesuffix(_PROBABILITY))
            for run in comparison.fits()
            for eval_name, table in comparison.tables_of(run).items()
            for name in table.values
            if name.endswith(_PROBABILITY) and name.removesuffix(_PROBABILITY) in table.values
        }
    )


def _calibration(comparison: Comparison, eval_name: str, name: str) -> Plot | None:
    curves = {}
    for system in comparison.systems:
        happened, probability = _of_system(comparison, system, eval_name, name)
        if len(happened):
            curves[system] = _curve(happened, probability)
    if not curves:
        return None
    style = looks(comparison.systems)
    names = {system: beside_row(system) for system in curves}
    num_columns = legend_columns([line for name in names.values() for line in name.splitlines()])
    figure = new_figure(4.4 + row_height(list(names.values()), 0.19) * math.ceil(len(curves) / num_columns))
    axes = figure.add_subplot()
    _scale(axes)
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1.0, linestyle=(0, (4, 3)), zorder=1.5)
    for system, (shares, means) in curves.items():
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
        f"{system}: "
        + ", ".join(
            f"{100 * mean:.3g} % given, {100 * share:.3g} % happened" for share, mean in zip(*curve, strict=True)
        )
        for system, curve in curves.items()
    )
    return drawn(figure, f"{eval_name}_{name}_calibration", "evals", title, caption, f"{title}. {numbers_text}.")


def _of_system(comparison: Comparison, system: str, eval_name: str, name: str) -> tuple[Floats, Floats]:
    """What happened (N,), as 0 or 1, and the probabilities (N,) given to it, of all seeds."""
    sides: tuple[list[Floats], list[Floats]] = ([np.empty(0)], [np.empty(0)])
    for run in comparison.fits():
        table = comparison.tables_of(run).get(eval_name)
        if run.system == system and table is not None and {name, name + _PROBABILITY} <= table.values.keys():
            sides[0].append(table.values[name])
            sides[1].append(table.values[name + _PROBABILITY])
    happened, probability = np.concatenate(sides[0]), np.concatenate(sides[1])
    kept = np.isin(happened, (0.0, 1.0)) & (probability >= 0) & (probability <= 1)
    return happened[kept], probability[kept]


def _curve(happened: Floats, probability: Floats) -> tuple[Floats, Floats]:
    """(share that happened, mean probability) by bin."""
    from sklearn.calibration import calibration_curve  # takes two seconds: only where there is something to draw

    shares, means = calibration_curve(happened, probability, n_bins=_NUM_BINS, strategy="quantile")
    return shares, means


def _scale(axes: Axes) -> None:
    """Both axes alike, so that the diagonal stays one; by square roots, since what is rare is mostly held for rare."""
    functions = (lambda values: np.sqrt(np.maximum(values, 0)), np.square)
    for set_scale, set_ticks in ((axes.set_xscale, axes.set_xticks), (axes.set_yscale, axes.set_yticks)):
        set_scale("function", functions=functions)
        set_ticks(_TICKS, [f"{100 * tick:g}" + (" %" if tick == 1 else "") for tick in _TICKS])
    axes.set_xlim(0, 1.02)
    axes.set_ylim(0, 1.02)
