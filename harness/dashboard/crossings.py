"""Where lines cross, with 95 % intervals: what the report says, and the same along what else was spent."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.common.errors import UserError
from harness.common.numerals import quantity
from harness.dashboard.kept import short_hash
from harness.dashboard.scope import Scope
from harness.dashboard.site import Site
from harness.report.comparison import Comparison
from harness.report.crossings import APART, CROSS, UNDECIDED

Find = Callable[[Comparison], Iterable[Mapping[str, Any]]]
"""Gives rows of the report's crossings.csv."""


@dataclass(frozen=True)
class CrossingRow:
    """Two lines that cross."""

    better_below: str
    better_above: str
    at: str
    interval: str
    """95 %."""


@dataclass(frozen=True)
class Crossings:
    """What is known of every two lines that are drawn."""

    rows: tuple[CrossingRow, ...] = ()
    num_apart: int = 0
    """Pairs that don't cross in the range measured."""
    num_undecided: int = 0
    """Pairs of which it can't be told."""
    problem: str = ""
    """Why nothing is known."""

    @property
    def is_known(self) -> bool:
        """Whether anything can be said."""
        return bool(self.rows or self.num_apart or self.num_undecided or self.problem)


def crossings(site: Site, scope: Scope, axis: str, names: Collection[str], find: Find) -> Crossings:
    """Those between the lines of these names. axis: a name for what `find` gives, which is computed once."""
    key = f"{scope.key}-{short_hash(axis)}"
    rows = site.numbers.kept.get("crossings", key)
    if rows is None:
        try:
            comparison, _ = site.numbers.comparison(scope)
            rows = site.numbers.kept.put("crossings", key, [dict(row) for row in find(comparison)])
        except UserError as error:
            return Crossings(problem=str(error))
    shown = [row for row in rows if row["model_a"] in names and row["model_b"] in names]
    verdicts = [row.get("verdict") for row in shown]
    return Crossings(
        tuple(_row(row) for row in shown if row.get("verdict") == CROSS),
        verdicts.count(APART),
        verdicts.count(UNDECIDED),
    )


def _row(row: Mapping[str, Any]) -> CrossingRow:
    ends = f"[{quantity(row['ci_low'])}, {quantity(row['ci_high'])}]"
    return CrossingRow(row["better_below"], row["better_above"], quantity(row["crossing"]), ends)
