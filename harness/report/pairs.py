"""Every two systems, and every two decoding strategies of a system, compared on every headline measure over the same
samples."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from harness.report.comparison import Cell, Comparison, LinedUp, MeasureKey
from harness.statistics.estimate import CONFIDENCE
from harness.statistics.paired_difference import PairedDifference, holm, paired_all

_DIFFERENCE = [
    "difference",
    "ci_low",
    "ci_high",
    "stderr",
    "p_value",
    "p_holm",
    "better",
    "smallest_detectable_difference",
    "n",
    "n_total",
    "num_clusters",
]
_MEASURE = ["unit", "higher_is_better", "nearest_to"]
_BOTH = ["value_a", "value_b", *_DIFFERENCE, "num_seeds_a", "num_seeds_b", "reason"]
MODELS = ["eval", "metric", "decoding", *_MEASURE, "model_a", "model_b", *_BOTH]
STRATEGIES = ["eval", "metric", "model", *_MEASURE, "decoding_a", "decoding_b", *_BOTH]


@dataclass(frozen=True)
class _Side:
    """A system under a decoding strategy, to be compared with others."""

    name: str
    """What tells it from the others."""
    cell: Cell
    has_formula: bool
    """Whether the measure follows from sums over samples."""
    lined_up: LinedUp | None
    data: tuple[str, ...]
    """The fingerprints of the data. The same sample ids of other data are other samples."""


def compare_pairs(comparison: Comparison) -> pd.DataFrame:
    """Every two models: one row a pair x headline measure x decoding; `difference` is model_a minus model_b.

    `p_holm` is corrected over all pairs of one measure, under whatever decoding. `better` names a model where the
    difference is significant: p_holm below 0.05 and an interval without 0; it is empty where this design could not
    tell. Where the best value is that of another measure (`nearest_to`), the difference is of distances from it.
    """
    rows: list[dict[str, Any]] = []
    for measure in comparison.judged_headlines:
        of_measure: list[dict[str, Any]] = []
        for decoding in comparison.decodings_of(measure):
            sides = [_side(comparison, measure, system, decoding, system) for system in comparison.systems]
            of_measure += _rows(measure, {"decoding": decoding}, "model", sides)
        rows += _corrected("model", of_measure)
    return pd.DataFrame(rows, columns=MODELS)


def compare_strategies(comparison: Comparison) -> pd.DataFrame:
    """Every two decoding strategies of a model, as `compare_pairs`; `p_holm` is corrected over all pairs of strategies
    of all models on one measure."""
    rows: list[dict[str, Any]] = []
    for measure in comparison.judged_headlines:
        decodings = comparison.decodings_of(measure)
        of_measure: list[dict[str, Any]] = []
        for system in comparison.systems:
            sides = [_side(comparison, measure, system, decoding, decoding) for decoding in decodings]
            of_measure += _rows(measure, {"model": system}, "decoding", sides)
        rows += _corrected("decoding", of_measure)
    return pd.DataFrame(rows, columns=STRATEGIES)


def pairs_of(pairs: pd.DataFrame, measure: MeasureKey, **alike: str) -> pd.DataFrame:
    """The pairs compared on a measure, under one decoding strategy or of one model."""
    chosen = (pairs["eval"] == measure.eval) & (pairs["metric"] == measure.metric)
    for column, value in alike.items():
        chosen &= pairs[column] == value
    return pairs[chosen]


def pair_of(pairs: pd.DataFrame, of: str, first: str, second: str) -> pd.Series[Any]:
    """The one pair of these two, in whichever order. of: 'model' or 'decoding', what the pairs are of."""
    a, b = pairs[f"{of}_a"], pairs[f"{of}_b"]
    return pairs[((a == first) & (b == second)) | ((a == second) & (b == first))].iloc[0]


def _side(comparison: Comparison, measure: MeasureKey, system: str, decoding: str, name: str) -> _Side | None:
    cell = comparison.cell(system, decoding, measure)
    if cell is None:
        return None
    records = comparison.records(system, decoding, measure).values()
    data = tuple(sorted({str(run.record.data.get("fingerprint")) for run, _ in records}))
    has_formula = all(metric.formula is not None for _, metric in records)
    return _Side(name, cell, has_formula, comparison.judged(system, decoding, measure), data)


def _rows(measure: MeasureKey, alike: dict[str, str], of: str, asked: Sequence[_Side | None]) -> list[dict[str, Any]]:
    """Every two of the sides; p-values are not corrected yet. alike: what all sides share. of: what they differ in."""
    sides = [side for side in asked if side is not None]
    differences = _paired_groups(sides)
    rows = []
    for first, second in itertools.combinations(sides, 2):
        row: dict[str, Any] = alike | {
            "eval": measure.eval,
            "metric": measure.metric,
            "unit": measure.unit,
            "higher_is_better": measure.higher_is_better,
            "nearest_to": measure.nearest_to,
            f"{of}_a": first.name,
            f"{of}_b": second.name,
            "value_a": first.cell.estimate.value,
            "value_b": second.cell.estimate.value,
            "num_seeds_a": len(first.cell.seeds),
            "num_seeds_b": len(second.cell.seeds),
        }
        difference = differences.get((first.name, second.name))
        rows.append(row | (as_columns(difference) if difference else _not_paired(first, second)))
    return rows


def _not_paired(first: _Side, second: _Side) -> dict[str, Any]:
    if first.data and second.data and first.data != second.data:
        reason = "not the same data"
    elif not first.has_formula and not second.has_formula:
        reason = "the measure is no sum over samples, so there is no paired test"
    else:
        without = [side.name for side in (first, second) if side.lined_up is None]
        reason = f"no samples that give {' and '.join(without)}" if without else "not the same samples"
    return dict.fromkeys(_DIFFERENCE) | {"n": 0, "reason": reason}


def _corrected(of: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with corrected p-values, and with the better of each two where the difference is significant."""
    for row, p_holm in zip(rows, holm([row["p_value"] for row in rows]), strict=True):
        row["p_holm"] = p_holm
        if is_significant(row):
            side = "a" if (row["difference"] > 0) == bool(row["higher_is_better"]) else "b"
            row["better"] = row[f"{of}_{side}"]
    return rows


def is_significant(row: Mapping[str, Any]) -> bool:
    """Whether a difference has a corrected p below 0.05 and an interval without 0."""
    if row["p_holm"] is None or row["ci_low"] is None:
        return False
    return bool(row["p_holm"] < 1 - CONFIDENCE and not row["ci_low"] <= 0 <= row["ci_high"])


def _paired_groups(sides: Sequence[_Side]) -> dict[tuple[str, str], PairedDifference]:
    """Paired differences of all sides that share their samples, each pair in the order of `sides`."""
    groups: dict[tuple[object, ...], list[tuple[str, LinedUp]]] = {}
    for side in sides:
        lined_up = side.lined_up
        if lined_up is not None and (weights := lined_up.denominators) is not None:
            key = (lined_up.ids, lined_up.formula, weights.tobytes(), side.data)
            groups.setdefault(key, []).append((side.name, lined_up))
    differences = {}
    for members in groups.values():
        first = members[0][1]
        denominators = None if first.is_mean else first.denominators
        tops = [list(lined_up.tops) for _, lined_up in members]
        for (i, j), difference in paired_all(tops, first.clusters, denominators, first.formula.scale).items():
            differences[members[i][0], members[j][0]] = difference
    return differences


def as_columns(paired: PairedDifference) -> dict[str, Any]:
    """A difference as columns."""
    return dict.fromkeys(_DIFFERENCE) | {
        "difference": paired.difference.value,
        "ci_low": paired.difference.ci_low,
        "ci_high": paired.difference.ci_high,
        "stderr": paired.difference.stderr,
        "p_value": paired.p_value,
        "smallest_detectable_difference": paired.smallest_detectable_difference,
        "n": paired.difference.n,
        "n_total": paired.difference.n_total,
        "num_clusters": paired.num_clusters,
        "reason": paired.difference.reason,
    }
