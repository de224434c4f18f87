"""What stands beside the models' figures and is no model's: the text that people wrote, other compressors.

A metric's record says so (harness/evaluation/metric.py, Baseline). In tables and plots each label is a row of its own,
below the models. A figure that differs between the models, as one that is counted in each model's own tokens, is no
row for all of them: it stays a measure like any other.
"""

from __future__ import annotations

from harness.report.comparison import ANY_DECODING, Cell, Comparison, MeasureKey


def baselines(comparison: Comparison, eval_name: str) -> dict[str, dict[MeasureKey, Cell]]:
    """By label, in the records' order: what it has in the place of each measure."""
    measures = {measure.metric: measure for measure in comparison.measures if measure.eval == eval_name}
    rows: dict[str, dict[MeasureKey, Cell]] = {}
    for measure in measures.values():
        baseline = measure.baseline
        if baseline is not None and baseline.of in measures and (cell := _same_for_all(comparison, measure)):
            rows.setdefault(baseline.label, {})[measures[baseline.of]] = cell
    return rows


def measures_of_models(comparison: Comparison, eval_name: str) -> list[MeasureKey]:
    """The measures of an eval, without those that are a baseline's."""
    taken = {cell.measure for row in baselines(comparison, eval_name).values() for cell in row.values()}
    return [measure for measure in comparison.measures if measure.eval == eval_name and measure not in taken]


def _same_for_all(comparison: Comparison, measure: MeasureKey) -> Cell | None:
    """What every system has, where that is the same; one without a value is no other."""
    cells = [cell for system in comparison.systems if (cell := comparison.cell(system, ANY_DECODING, measure))]
    values = {f"{cell.estimate.value:.9g}" for cell in cells if cell.estimate.value is not None}
    known = [cell for cell in cells if cell.estimate.value is not None]
    return next(iter([*known, *cells]), None) if len(values) <= 1 else None
