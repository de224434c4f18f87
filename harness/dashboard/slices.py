"""Where two systems differ: the slices of every headline, the surest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.common.numerals import interval, number
from harness.dashboard.board import Board
from harness.dashboard.kept import short_hash
from harness.dashboard.scope import Scope
from harness.dashboard.site import Site
from harness.report.comparison import Comparison, LinedUp
from harness.report.wording import heading, p_text, words
from harness.statistics.multiple import holm
from harness.statistics.paired_difference import paired

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class SliceRow:
    """A slice of a measure in which two systems are compared."""

    eval: str
    metric: str
    name: str
    """The measure as a heading."""
    slice: str
    decoding: str
    first: float | None
    second: float | None
    difference: float | None
    ci_low: float | None
    ci_high: float | None
    p: float | None
    """Corrected over the slices (Holm)."""
    n: int
    unit: str
    reason: str = ""

    @property
    def text(self) -> str:
        if self.difference is None:
            return "–"
        return f"{number(self.difference, self.unit)} {interval(self.ci_low, self.ci_high, self.unit)}".rstrip()

    @property
    def p_text(self) -> str:
        return "–" if self.p is None else p_text(self.p).removeprefix("p = ").removeprefix("p ")


def slice_rows(site: Site, scope: Scope, board: Board, baseline: str, system: str) -> list[SliceRow]:
    """Every slice of every headline: the system's value minus the baseline's over the same samples."""
    key = f"{scope.key}-{short_hash(baseline)}-{short_hash(system)}"
    kept = site.numbers.kept.get("slices", key)
    if kept is None:
        comparison, _ = site.numbers.comparison(scope)
        rows = [
            row
            for index in board.headlines
            if board.measures[index].is_judged and board.measures[index].nearest_to is None
            for row in _of_measure(comparison, board, index, baseline, system)
        ]
        kept = site.numbers.kept.put("slices", key, [vars(row) for row in rows])
    rows = [SliceRow(**fields) for fields in kept]
    corrected = holm([row.p for row in rows])
    named = [SliceRow(**(vars(row) | {"p": p})) for row, p in zip(rows, corrected, strict=True)]
    return sorted(named, key=lambda row: (2.0 if row.p is None else row.p, -abs(row.difference or 0.0)))


def _of_measure(comparison: Comparison, board: Board, index: int, baseline: str, system: str) -> list[SliceRow]:
    measure, decoding = board.measures[index], board.decoding_for(index, None)
    rows = []
    for name, values in comparison.slices(measure).items():
        for value in values:
            part = f"{name}={value}"
            sides = [comparison.lined_up(who, decoding, measure, part) for who in (system, baseline)]
            row: dict[str, Any] = {
                "eval": measure.eval,
                "metric": measure.metric,
                "slice": part,
                "decoding": decoding,
                "unit": measure.unit,
            }
            rows.append(
                SliceRow(
                    **row, name=f"{words(measure.eval)}: {heading(measure.metric, measure.unit)}", **_tested(*sides)
                )
            )
    return rows


def _tested(first: LinedUp | None, second: LinedUp | None) -> dict[str, Any]:
    nothing = dict.fromkeys(("first", "second", "difference", "ci_low", "ci_high", "p")) | {"n": 0}
    if first is None or second is None:
        return nothing | {"reason": "no samples of it that give the measure"}
    values = {"first": _value(first), "second": _value(second)}
    weights = first.denominators
    if first.ids != second.ids or weights is None or second.denominators is None:
        return nothing | values | {"reason": "not the same samples"}
    if not np.array_equal(weights, second.denominators, equal_nan=True):
        return nothing | values | {"reason": "not counted in the same units"}
    tested = paired(
        list(first.tops),
        list(second.tops),
        first.clusters,
        None if first.is_mean else weights,
        first.formula.scale,
        first.strata,
        (first.seeds_vary, second.seeds_vary),
    )
    difference = tested.difference
    return values | {
        "difference": difference.value,
        "ci_low": difference.ci_low,
        "ci_high": difference.ci_high,
        "p": tested.p_value,
        "n": difference.n,
        "reason": difference.reason or "",
    }


def _value(side: LinedUp) -> float | None:
    known = ~np.isnan(side.tops) & ~np.isnan(side.bottoms)
    bottom = side.bottoms[known].sum()
    return float(side.formula.scale * side.tops[known].sum() / bottom) if bottom else None


def slice_table(rows: list[SliceRow]) -> pd.DataFrame:
    """The rows as they are."""
    import pandas as pd

    return pd.DataFrame([vars(row) for row in rows])
