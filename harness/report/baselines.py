"""What stands beside the models' figures and is no model's: the text that people wrote, other compressors.

An eval has such a figure as a measure LABEL_NAME beside its measure NAME, as gzip_compressed_bits_per_byte or
real_repetition: of the same unit, neither better nor worse, and the same in every run. In tables and plots each LABEL
is a row of its own, below the models.
"""

from __future__ import annotations

from collections.abc import Mapping

from harness.report.comparison import ANY_DECODING, Cell, Comparison, Measure


def baselines(comparison: Comparison, eval_name: str) -> dict[str, dict[Measure, Cell]]:
    """By label, in the records' order: what it has in the place of each measure."""
    own = [measure for measure in comparison.measures if measure.eval == eval_name]
    found: dict[str, dict[Measure, Cell]] = {}
    for beside in own:
        for measure in own:
            label = beside.metric.removesuffix(f"_{measure.metric}")
            if label != beside.metric and _is_baseline(comparison, beside, measure):
                cell = next(filter(None, (comparison.cell(s, ANY_DECODING, beside) for s in comparison.systems)))
                found.setdefault(label, {})[measure] = cell
    return found


def measures_of_models(comparison: Comparison, eval_name: str) -> list[Measure]:
    """The measures of an eval, without those that are a baseline's."""
    beside: Mapping[str, Mapping[Measure, Cell]] = baselines(comparison, eval_name)
    taken = {cell.measure for row in beside.values() for cell in row.values()}
    return [measure for measure in comparison.measures if measure.eval == eval_name and measure not in taken]


def _is_baseline(comparison: Comparison, beside: Measure, measure: Measure) -> bool:
    values = {
        None if metric.value is None else f"{metric.value:.9g}"
        for run in comparison.results.runs
        for metric in run.record.metrics
        if (metric.eval, metric.metric, metric.slice) == (beside.eval, beside.metric, "all")
    }
    return beside.unit == measure.unit and beside.higher_is_better is None and len(values) == 1
