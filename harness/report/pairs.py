"""Every two systems, and every two decoding strategies of a system, compared on every headline measure over the same
samples."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from harness.report.asked import Asked, differing
from harness.report.comparison import Cell, Comparison, LinedUp, MeasureKey
from harness.report.wording import joined
from harness.statistics.multiple import Tests, over_measures, smallest_possible, step_down
from harness.statistics.paired_difference import PairedDifference, paired_all

_DIFFERENCE = [
    "difference",
    "ci_low",
    "ci_high",
    "stderr",
    "df",
    "about",
    "p_value",
    "p_corrected",
    "smallest_possible_p",
    "p_value_these_fits",
    "better",
    "probability_a_is_higher",
    "smallest_detectable_difference",
    "n",
    "n_total",
    "num_clusters",
]
NO_PAIRED_TEST = "the measure is no sum over samples, so there is no paired test"
_OTHER_WEIGHTS = "not compared: their samples are not divided by the same"
FAMILIES, THESE_FITS = "families", "these two fits"
FAMILY, THIS_FIT = "family", "this fit"
_ABOUT = {"model": (FAMILIES, THESE_FITS), "decoding": (FAMILY, THIS_FIT)}
SIGNIFICANT_BELOW = 0.05
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
    asked: Asked | None
    """None where it has no value."""


def compare_pairs(comparison: Comparison) -> pd.DataFrame:
    """Every two models: one row a pair x headline measure x decoding; `difference` is model_a minus model_b.

    `about` says whether interval and p speak of the families, with other seeds, or of these two fits alone (fewer than
    three seeds of a family whose fit depends on the seed). `p_corrected` is corrected over all pairs of a measure,
    under whatever decoding, and over the measures (harness/statistics/multiple.py); `smallest_possible_p` is the least
    that it could have been with these clusters and measures. `better` names a model where the
    difference is about families and p_corrected is below 0.05. Where the best value is that of another measure
    (`nearest_to`), the difference is of distances from it. A pair that was not asked the same (asked.py) has a reason
    and no difference.
    """
    tables: list[_Table] = []
    for measure in comparison.judged_headlines:
        groups = [
            (
                {"decoding": decoding},
                [_side(comparison, measure, system, decoding, system) for system in comparison.systems],
            )
            for decoding in comparison.decodings_of(measure)
        ]
        tables.append(_table(measure, "model", groups))
    return pd.DataFrame(_corrected("model", tables), columns=MODELS)


def compare_strategies(comparison: Comparison) -> pd.DataFrame:
    """Every two decoding strategies of a model, as `compare_pairs`; `about` says whether a row speaks of the family or
    of this fit alone; `p_corrected` is corrected over all pairs of strategies of all models on a measure, and over the
    measures."""
    tables: list[_Table] = []
    for measure in comparison.judged_headlines:
        decodings = comparison.decodings_of(measure)
        groups = [
            ({"model": system}, [_side(comparison, measure, system, decoding, decoding) for decoding in decodings])
            for system in comparison.systems
        ]
        tables.append(_table(measure, "decoding", groups))
    return pd.DataFrame(_corrected("decoding", tables), columns=STRATEGIES)


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
    has_formula = all(metric.formula is not None for _, metric in records)
    asked = comparison.asked(system, decoding, measure)
    return _Side(name, cell, has_formula, comparison.judged(system, decoding, measure), asked)


@dataclass(frozen=True)
class _Table:
    """The pairs of one measure."""

    rows: list[dict[str, Any]]
    tests: list[Tests]
    """Groups of pairs whose p-values hang together."""
    places: list[dict[tuple[int, int], int]]
    """For each group, the row of each of its pairs."""


def _table(measure: MeasureKey, of: str, groups: Sequence[tuple[dict[str, str], Sequence[_Side | None]]]) -> _Table:
    """Every two sides of each group; p-values are not corrected yet. of: what sides differ in. A group: what its sides
    share, and the sides."""
    table = _Table([], [], [])
    for alike, asked in groups:
        sides = [side for side in asked if side is not None]
        row_of: dict[tuple[str, str], int] = {}
        for first, second in itertools.combinations(sides, 2):
            row_of[first.name, second.name] = len(table.rows)
            table.rows.append(
                alike
                | {
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
                | _not_paired(first, second)
            )
        for members in _comparable(sides):
            differences, tests = _paired(members, same_fits=of == "decoding")
            differences = {
                (i, j): difference
                for (i, j), difference in differences.items()
                if not _apart(members[i], members[j])  # in the budget, say, of two families
            }
            tests = replace(tests, p_values={pair: p for pair, p in tests.p_values.items() if pair in differences})
            names = [side.name for side in members]
            places = {pair: row_of[names[pair[0]], names[pair[1]]] for pair in differences}
            for pair, difference in differences.items():
                table.rows[places[pair]] |= as_columns(difference, *_ABOUT[of])
            table.tests.append(tests)
            table.places.append(places)
    return table


def _apart(first: _Side, second: _Side) -> list[str]:
    """In what two sides differ that must be alike."""
    return differing([side.asked for side in (first, second) if side.asked is not None])


def _not_paired(first: _Side, second: _Side) -> dict[str, Any]:
    if apart := _apart(first, second):
        reason = f"not compared: they differ in {joined(apart)}"
    elif not first.has_formula and not second.has_formula:
        reason = NO_PAIRED_TEST
    else:
        without = [side.name for side in (first, second) if side.lined_up is None]
        reason = f"no samples that give {' and '.join(without)}" if without else _OTHER_WEIGHTS
    return dict.fromkeys(_DIFFERENCE) | {"n": 0, "reason": reason}


def _corrected(of: str, tables: Sequence[_Table]) -> list[dict[str, Any]]:
    """The rows of all measures, with corrected p-values, and with the better of each two where families differ."""
    for table in tables:
        for places, corrected in zip(table.places, step_down(table.tests), strict=True):
            for pair, p in corrected.items():
                table.rows[places[pair]]["p_corrected"] = p
    possible = {number: [_smallest_possible(row) for row in table.rows] for number, table in enumerate(tables)}
    for number, p_values in over_measures(possible).items():
        for row, p_of_all in zip(tables[number].rows, p_values, strict=True):
            row["smallest_possible_p"] = p_of_all
    by_measure = {number: [row["p_corrected"] for row in table.rows] for number, table in enumerate(tables)}
    for number, p_values in over_measures(by_measure).items():
        for row, p_of_all in zip(tables[number].rows, p_values, strict=True):
            row["p_corrected"] = p_of_all
            if is_significant(row) and row["about"] == _ABOUT[of][0]:
                side = "a" if (row["difference"] > 0) == bool(row["higher_is_better"]) else "b"
                row["better"] = row[f"{of}_{side}"]
    return [row for table in tables for row in table.rows]


def _smallest_possible(row: Mapping[str, Any]) -> float | None:
    """Before the correction over measures; None where nothing is tested."""
    return None if row["p_corrected"] is None else smallest_possible(row["num_clusters"])


def is_significant(row: Mapping[str, Any]) -> bool:
    """Whether a difference has a corrected p below 0.05: of families or of fits, as `about` says."""
    p = row["p_corrected"]
    return bool(pd.notna(p) and p < SIGNIFICANT_BELOW)


def _comparable(sides: Sequence[_Side]) -> list[list[_Side]]:
    """The sides in groups that share their samples, in the order of `sides`."""
    groups: dict[tuple[object, ...], list[_Side]] = {}
    for side in sides:
        lined_up = side.lined_up
        if lined_up is not None and (weights := lined_up.denominators) is not None:
            alike = None if side.asked is None else tuple(side.asked.everyone.items())
            key = (lined_up.ids, lined_up.formula, weights.tobytes(), alike)
            groups.setdefault(key, []).append(side)
    return [members for members in groups.values() if len(members) > 1]


def _paired(members: Sequence[_Side], same_fits: bool) -> tuple[dict[tuple[int, int], PairedDifference], Tests]:
    """Paired differences of sides that share their samples. same_fits: they are the same fits, seed by seed."""
    lined_up = [side.lined_up for side in members if side.lined_up is not None]
    first = lined_up[0]
    return paired_all(
        [list(side.tops) for side in lined_up],
        first.clusters,
        None if first.is_mean else first.denominators,
        first.formula.scale,
        first.strata,
        [side.seeds_vary for side in lined_up],
        same_fits and len({side.cell.seeds for side in members}) == 1,
    )


def as_columns(paired: PairedDifference, of_families: str, of_fits: str) -> dict[str, Any]:
    """A difference as columns. of_families, of_fits: what it speaks of, as `about` says it."""
    difference = paired.difference
    return dict.fromkeys(_DIFFERENCE) | {
        "difference": difference.value,
        "ci_low": difference.ci_low,
        "ci_high": difference.ci_high,
        "stderr": difference.stderr,
        "df": difference.df,
        "about": of_families if paired.is_about_families else of_fits,
        "p_value": paired.p_value,
        "p_value_these_fits": paired.p_value_these_fits,
        "probability_a_is_higher": paired.probability_first_is_higher,
        "smallest_detectable_difference": paired.smallest_detectable_difference,
        "n": difference.n,
        "n_total": difference.n_total,
        "num_clusters": paired.num_clusters,
        "reason": difference.reason,
    }
