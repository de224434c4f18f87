"""The plots of a search over settings: the expected best of a number of trials, and against what they cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.ticker import MaxNLocator

from harness.common.numerals import number, quantity
from harness.report.plots.drawing import beside_row, right_height
from harness.report.plots.learning import finish_right, plain_log_axis, quantity_axis
from harness.report.plots.style import Plot, drawn, looks, new_figure


@dataclass(frozen=True)
class BestSoFar:
    """The expected best value of one family after 1, 2, ... trials."""

    family: str
    values: np.ndarray
    """(N,) validation bits per byte."""
    low: np.ndarray | None
    """(N,) the lower ends of the 95 % intervals; None where there are none."""
    high: np.ndarray | None
    costs: Mapping[str, np.ndarray]
    """(N,) the expected cost of so many trials, by its name: 'training seconds', 'FLOPs'."""


def expected_best(lines: Sequence[BestSoFar], along: str, caption: str) -> Plot | None:
    """A line for each family. along: 'trials', or a cost that the lines have; None where no family has spent any."""
    lines = [line for line in lines if np.isfinite(line.values).any()]
    places = [
        np.arange(1, len(line.values) + 1) if along == "trials" else np.asarray(line.costs[along]) for line in lines
    ]
    shown = [(line, xs) for line, xs in zip(lines, places, strict=True) if (xs > 0).all()]
    if not shown:
        return None
    style = looks([line.family for line in lines])
    names = [beside_row(line.family) for line, _ in shown]
    figure = new_figure(right_height(names, 1.4))
    axes = figure.add_subplot()
    ends = []
    for (line, xs), name in zip(shown, names, strict=True):
        look = style[line.family]
        if line.low is not None and line.high is not None:
            axes.fill_between(xs, line.low, line.high, color=look.colour, alpha=0.13, linewidth=0)
        axes.plot(xs, line.values, color=look.colour, linewidth=1.4)
        axes.plot(xs[-1], line.values[-1], look.marker, color=look.colour, markersize=5, zorder=3)
        ends.append((name, look, float(xs[-1]), float(line.values[-1])))
    if along == "trials":
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.set_xlabel("trials")
    else:
        axes.set_xscale("log")
        quantity_axis(axes.xaxis)
        axes.set_xlabel(f"{along} of all trials so far  (logarithmic)")
    axes.set_yscale("log")
    plain_log_axis(axes.yaxis)
    axes.margins(0.05, 0.08)
    axes.set_ylabel("validation bits per byte  (↓\u00a0better)")
    finish_right(figure, axes, ends)
    title = f"Expected best against {along}"
    spent = "; ".join(
        f"{line.family} {number(float(line.values[-1]), 'bits/byte')} after {quantity(float(xs[-1]))}"
        for line, xs in shown
    )
    file = f"expected_best_{along.replace(' ', '_').lower()}"
    return drawn(figure, file, "learning", title, caption, f"{title}. {spent}.")
