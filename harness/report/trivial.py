"""Every headline value beside the best trivial answer: guessing, or a rule that any model can follow.

A model that is no better than always giving the same answer can't do what is asked, whatever its score.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from harness.report.comparison import ANY_DECODING, Cell, Comparison, LinedUp, MeasureKey
from harness.report.pairs import FAMILY, THIS_FIT, as_columns, is_significant
from harness.statistics.multiple import holm
from harness.statistics.paired_difference import FEWEST_SEEDS, paired
from harness.statistics.spread import two_sided_p

GUESSING = "guessing"
COLUMNS = [
    "eval",
    "metric",
    "model",
    "decoding",
    "unit",
    "higher_is_better",
    "value",
    "trivial_answer",
    "trivial_value",
    "difference",
    "ci_low",
    "ci_high",
    "stderr",
    "df",
    "about",
    "p_value",
    "p_corrected",
    "p_value_these_fits",
    "is_better",
    "n",
    "n_total",
    "num_clusters",
    "reason",
]


@dataclass(frozen=True)
class Trivial:
    """A trivial answer and its score."""

    label: str
    value: float
    measure: MeasureKey | None
    """What has its score for each sample; None: it is the same for all."""


def compare_with_trivial(comparison: Comparison) -> pd.DataFrame:
    """One row a headline measure x model x decoding that has a trivial answer; `difference` is the model's value minus
    the trivial one's. `about` says whether it speaks of the family or of this fit alone; `p_corrected` is corrected
    over all rows (Holm)."""
    rows = [
        row
        for measure in comparison.judged_headlines
        for decoding in comparison.decodings_of(measure)
        for system in comparison.systems
        if (row := _row(comparison, measure, system, decoding)) is not None
    ]
    for row, p in zip(rows, holm([row["p_value"] for row in rows]), strict=True):
        row["p_corrected"] = p
        row["is_better"] = is_significant(row) and bool(row["difference"] > 0) == row["higher_is_better"]
    return pd.DataFrame(rows, columns=COLUMNS)


def trivial_answers(comparison: Comparison, measure: MeasureKey, system: str, decoding: str) -> list[Trivial]:
    """What there is to beat on a system's samples, the best first."""
    cell = comparison.cell(system, decoding, measure)
    answers = [] if cell is None or cell.chance is None else [Trivial(GUESSING, cell.chance, None)]
    for other in comparison.measures:
        baseline = other.baseline
        if other.eval == measure.eval and baseline and baseline.is_trivial and baseline.of == measure.metric:
            scored = comparison.cell(system, ANY_DECODING, other)
            if scored is not None and scored.estimate.value is not None:
                answers.append(Trivial(baseline.label, scored.estimate.value, other))
    return sorted(answers, key=lambda trivial: -trivial.value if measure.higher_is_better else trivial.value)


def _row(comparison: Comparison, measure: MeasureKey, system: str, decoding: str) -> dict[str, Any] | None:
    cell = comparison.cell(system, decoding, measure)
    trivial = next(iter(trivial_answers(comparison, measure, system, decoding)), None)
    if cell is None or cell.estimate.value is None or trivial is None or measure.higher_is_better is None:
        return None
    about = {
        "eval": measure.eval,
        "metric": measure.metric,
        "model": system,
        "decoding": decoding,
        "unit": measure.unit,
        "higher_is_better": measure.higher_is_better,
        "value": cell.estimate.value,
        "trivial_answer": trivial.label,
        "trivial_value": trivial.value,
    }
    lined_up = comparison.lined_up(system, decoding, measure)
    if lined_up is None or lined_up.denominators is None:
        records = comparison.records(system, decoding, measure).values()
        is_family = len(records) >= FEWEST_SEEDS or all(run.record.deterministic for run, _ in records)
        row = _from_summary(cell, trivial.value, comparison.num_clusters(system, decoding, measure))
        return row | about | {"about": FAMILY if is_family else THIS_FIT}
    beside = _trivial_tops(comparison, system, decoding, trivial, lined_up)
    denominators = None if lined_up.is_mean else lined_up.denominators
    difference = paired(
        list(lined_up.tops),
        beside,
        lined_up.clusters,
        denominators,
        lined_up.formula.scale,
        lined_up.strata,
        (lined_up.seeds_vary, False),
    )
    return about | as_columns(difference, FAMILY, THIS_FIT)


def _trivial_tops(
    comparison: Comparison, system: str, decoding: str, trivial: Trivial, model: LinedUp
) -> list[np.ndarray]:
    """What the trivial answer has for each sample: its own where that is known, else the same for all."""
    own = comparison.lined_up(system, decoding, trivial.measure) if trivial.measure else None
    if own is not None and own.ids == model.ids and own.is_mean == model.is_mean:
        return [own.tops[0]]
    return [trivial.value / model.formula.scale * np.fmax.reduce(model.bottoms)]


def _from_summary(cell: Cell, trivial: float, num_clusters: int | None) -> dict[str, Any]:
    """Of a measure that does not follow from its samples one by one: by its standard error."""
    estimate = cell.estimate
    assert estimate.value is not None
    row: dict[str, Any] = dict.fromkeys(COLUMNS) | {"difference": estimate.value - trivial, "reason": estimate.reason}
    row |= {"n": estimate.n, "n_total": estimate.n_total, "stderr": estimate.stderr, "num_clusters": num_clusters}
    row["df"] = df = estimate.df or (num_clusters - 1 if num_clusters else math.inf)
    if estimate.ci_low is not None and estimate.ci_high is not None:
        row |= {"ci_low": estimate.ci_low - trivial, "ci_high": estimate.ci_high - trivial}
    if estimate.stderr and estimate.ci_low is not None:
        row["p_value"] = two_sided_p(row["difference"], estimate.stderr, df)
    return row
