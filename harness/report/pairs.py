"""Every two systems compared on every headline measure, over the same samples."""

from __future__ import annotations

from typing import Any

import pandas as pd

from harness.report.comparison import Comparison, LinedUp, MeasureKey
from harness.statistics.estimate import CONFIDENCE
from harness.statistics.paired_difference import PairedDifference, holm, paired_all

COLUMNS = [
    "eval",
    "metric",
    "decoding",
    "unit",
    "higher_is_better",
    "model_a",
    "model_b",
    "value_a",
    "value_b",
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
    "num_seeds_a",
    "num_seeds_b",
    "reason",
]


def compare_pairs(comparison: Comparison) -> pd.DataFrame:
    """One row a pair x headline measure x decoding; `difference` is model_a minus model_b.

    `p_holm` is corrected over the pairs of one measure under one decoding. `better` names a model where the difference
    is significant: p_holm below 0.05 and an interval without 0; it is empty where this design could not tell.
    """
    rows: list[dict[str, Any]] = []
    for measure in comparison.headlines:
        for decoding in comparison.decodings_of(measure):
            rows += _rows(comparison, measure, decoding)
    return pd.DataFrame(rows, columns=COLUMNS)


def pairs_of(pairs: pd.DataFrame, measure: MeasureKey, decoding: str) -> pd.DataFrame:
    """The pairs compared on a measure under a decoding strategy."""
    return pairs[
        (pairs["eval"] == measure.eval) & (pairs["metric"] == measure.metric) & (pairs["decoding"] == decoding)
    ]


def _rows(comparison: Comparison, measure: MeasureKey, decoding: str) -> list[dict[str, Any]]:
    cells = {system: comparison.cell(system, decoding, measure) for system in comparison.systems}
    told = {system: cell for system, cell in cells.items() if cell is not None}
    lined_up = {system: comparison.lined_up(system, decoding, measure) for system in told}
    # Test data are part of what is compared: the same sample ids of other data are other samples.
    data = {
        system: tuple(sorted({str(run.record.data.get("fingerprint")) for run, _ in records.values()}))
        for system in told
        for records in [comparison.records(system, decoding, measure)]
    }
    differences = _paired_groups({system: (lined_up[system], data[system]) for system in told})
    rows: list[dict[str, Any]] = []
    names = list(told)
    for place, first in enumerate(names):
        for second in names[place + 1 :]:
            row: dict[str, Any] = dict.fromkeys(COLUMNS) | {
                "eval": measure.eval,
                "metric": measure.metric,
                "decoding": decoding,
                "unit": measure.unit,
                "higher_is_better": measure.higher_is_better,
                "model_a": first,
                "model_b": second,
                "value_a": told[first].estimate.value,
                "value_b": told[second].estimate.value,
                "num_seeds_a": len(told[first].seeds),
                "num_seeds_b": len(told[second].seeds),
                "n": 0,
            }
            found = differences.get((first, second))
            if found:
                row |= _found(found)
            elif data[first] and data[second] and data[first] != data[second]:
                row["reason"] = "not the same data"
            else:
                without = [system for system in (first, second) if lined_up[system] is None]
                row["reason"] = f"no samples that give {' and '.join(without)}" if without else "not the same samples"
            rows.append(row)
    for row, p_holm in zip(rows, holm([row["p_value"] for row in rows]), strict=True):
        row["p_holm"] = p_holm
        row["better"] = _better(row)
    return rows


def _paired_groups(
    sides: dict[str, tuple[LinedUp | None, tuple[str, ...]]],
) -> dict[tuple[str, str], PairedDifference]:
    """Paired differences of all systems that share their samples, each pair in the order of `sides`."""
    groups: dict[tuple[object, ...], list[tuple[str, LinedUp]]] = {}
    for system, (side, data) in sides.items():
        if side is not None and (weights := side.denominators) is not None:
            groups.setdefault((side.ids, side.formula, weights.tobytes(), data), []).append((system, side))
    found = {}
    for members in groups.values():
        first = members[0][1]
        denominators = None if first.is_mean else first.denominators
        tops = [list(side.tops) for _, side in members]
        for (i, j), difference in paired_all(tops, first.clusters, denominators, first.formula.scale).items():
            found[members[i][0], members[j][0]] = difference
    return found


def _found(found: PairedDifference) -> dict[str, Any]:
    return {
        "difference": found.difference.value,
        "ci_low": found.difference.ci_low,
        "ci_high": found.difference.ci_high,
        "stderr": found.difference.stderr,
        "p_value": found.p_value,
        "smallest_detectable_difference": found.smallest_detectable_difference,
        "n": found.difference.n,
        "n_total": found.difference.n_total,
        "num_clusters": found.num_clusters,
        "reason": found.difference.reason,
    }


def _better(row: dict[str, Any]) -> str | None:
    """The model that is significantly better, or None."""
    if row["p_holm"] is None or row["ci_low"] is None or row["higher_is_better"] is None:
        return None
    if row["p_holm"] >= 1 - CONFIDENCE or row["ci_low"] <= 0 <= row["ci_high"]:
        return None
    better: str = row["model_a"] if (row["difference"] > 0) == row["higher_is_better"] else row["model_b"]
    return better
