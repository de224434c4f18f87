"""How a decoding strategy trades quality against diversity: a point a strategy, beside the text that people wrote.

Drawn for every eval that measures both (a `reference_bits_per_byte`, a `diversity`), and the first of real text too.
Real text has no diversity of its own: there is one continuation of each prompt.
"""

from __future__ import annotations

from harness.report.comparison import Comparison, MeasureKey
from harness.report.palette import INK
from harness.report.plots.drawing import beside_row, file_name, label, right_height, value_of
from harness.report.plots.learning import finish_right
from harness.report.plots.style import Plot, drawn, looks, new_figure

_QUALITY, _DIVERSITY = "reference_bits_per_byte", "diversity"
_REAL = "real_"
_FEWEST_STRATEGIES = 3


def tradeoffs(comparison: Comparison) -> list[Plot | None]:
    """A plot a system."""
    found = {(measure.eval, measure.metric): measure for measure in comparison.measures}
    plots: list[Plot | None] = []
    for eval_name in sorted({name for name, metric in found if metric == _DIVERSITY}):
        wanted = [found.get((eval_name, name)) for name in (_DIVERSITY, _QUALITY, f"{_REAL}{_QUALITY}")]
        measures = [measure for measure in wanted if measure is not None]
        if len(measures) == len(wanted):
            plots += [_tradeoff(comparison, system, measures) for system in comparison.systems]
    return plots


def _tradeoff(comparison: Comparison, system: str, measures: list[MeasureKey]) -> Plot | None:
    points: dict[str, tuple[float, float]] = {}
    real: float | None = None
    for decoding in comparison.decodings_of(*measures):
        cells = [comparison.cell(system, decoding, measure) for measure in measures]
        values = [value_of(cell) for cell in cells if cell is not None and cell.estimate.value is not None]
        if len(values) == len(measures):
            points[decoding], real = (values[0], values[1]), values[2]
    if len(points) < _FEWEST_STRATEGIES or real is None:
        return None
    style = looks(list(points))
    figure = new_figure(right_height([beside_row(decoding) for decoding in points], 1.2))
    axes = figure.add_subplot()
    labels = []
    for decoding, (x, y) in points.items():
        axes.plot(x, y, style[decoding].marker, color=style[decoding].colour, markersize=5, zorder=3)
        labels.append((beside_row(decoding), style[decoding], x, y))
    axes.axhline(real, color=INK, linewidth=0.8, alpha=0.6)
    axes.annotate("what people wrote", (0.02, real), xycoords=("axes fraction", "data"), va="bottom", fontsize=8.5)
    axes.margins(0.06, 0.08)
    axes.set_xlabel("diversity  (→ more)")
    axes.set_ylabel("reference model's bits per byte\n(↓ likelier)")
    finish_right(figure, axes, labels)
    nearest = min(points, key=lambda name: abs(points[name][1] - real))
    title = f"Quality against diversity: {label(system)}"
    caption = (
        "Each point is one decoding strategy over the same fit; the line is what people wrote. Below it, text is "
        "likelier, so duller; above it, it goes wrong. To the left, several completions of a prompt say the same."
    )
    numbers_text = "; ".join(f"{name}: diversity {x:.3f}, {y:.3f} bits per byte" for name, (x, y) in points.items())
    alt = f"{title}. What people wrote: {real:.3f} bits per byte. Nearest to it: {nearest}. {numbers_text}."
    return drawn(figure, f"{measures[0].eval}_tradeoff_{file_name(system)}", "evals", title, caption, alt)
