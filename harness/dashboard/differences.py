"""Differences from a baseline, as the report tests them, turned so that each is a system's minus the baseline's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.common.numerals import interval, number
from harness.dashboard.board import Board
from harness.report.comparison import MeasureKey
from harness.report.wording import p_text

if TYPE_CHECKING:
    import pandas as pd

ALPHA = 0.05


@dataclass(frozen=True)
class Difference:
    """A system beside the baseline on one measure."""

    system: str
    decoding: str
    measure: MeasureKey
    value: float | None
    """The system's minus the baseline's; None where they can't be compared."""
    ends: tuple[float, float] | None
    p: float | None
    """Corrected over all pairs and measures of the report."""
    better: str | None
    """Who is better, where that is sure; None elsewhere."""
    about: str
    n: str
    why_not: str = ""
    """Why they can't be compared, or have no interval."""

    @property
    def text(self) -> str:
        """'-0.060 [-0.099, -0.021]'."""
        if self.value is None:
            return "–"
        shown = number(self.value, self.measure.unit)
        sign = "+" if self.value > 0 and shown.strip("-0.,") else ""
        low, high = self.ends or (None, None)
        return f"{sign}{shown} {interval(low, high, self.measure.unit)}".rstrip()

    @property
    def p_text(self) -> str:
        return "–" if self.p is None else p_text(self.p).removeprefix("p = ").removeprefix("p ")

    @property
    def is_sure(self) -> bool:
        """Whether the corrected p is below 0.05."""
        return self.p is not None and self.p < ALPHA

    @property
    def verdict(self) -> str:
        """In a word or two."""
        if self.value is None:
            return "not comparable"
        if self.better is not None:
            return "better" if self.better == self.system else "worse"
        if self.is_sure:
            return "these fits differ; too few seeds to speak of families"
        return "no sure difference" if self.p is not None else self.why_not


class Differences:
    """The differences of a board's systems from a baseline."""

    def __init__(self, board: Board, pairs: pd.DataFrame, baseline: str) -> None:
        self.board, self.baseline = board, baseline
        self._rows: dict[tuple[str, str, str, str], tuple[dict[str, Any], int]] = {}
        # the rows of a table with every pair are many: the baseline's are found at once
        for column, other, turn in (("model_a", "model_b", -1), ("model_b", "model_a", 1)):
            for row in pairs[pairs[column] == baseline].to_dict("records"):
                named = {str(name): None if value != value else value for name, value in row.items()}  # NaN: missing
                self._rows[row["eval"], row["metric"], row["decoding"], row[other]] = (named, turn)

    def of(self, index: int, decoding: str, system: str) -> Difference | None:
        """One system's on a measure; None where one of both has no value to compare."""
        measure = self.board.measures[index]
        row_with_turn = self._rows.get((measure.eval, measure.metric, decoding, system))
        if row_with_turn is None:
            return None
        row, turn = row_with_turn
        asked, baseline_asked = (self.board.asked.get((name, decoding, index)) for name in (system, self.baseline))
        unlike = asked.unlike(baseline_asked) if asked is not None and baseline_asked is not None else ""
        value = _known(row["difference"])
        if unlike or value is None:
            why = f"{system} has {unlike}" if unlike else str(row["reason"])
            return Difference(system, decoding, measure, None, None, None, None, "", "", why)
        low, high = _known(row["ci_low"]), _known(row["ci_high"])
        ends = None if low is None or high is None else (min(turn * low, turn * high), max(turn * low, turn * high))
        count = f"{int(row['n']):,} of {int(row['n_total'] or 0):,}"
        better, reason = row["better"] or None, row["reason"] or ""
        return Difference(
            system,
            decoding,
            measure,
            turn * value,
            ends,
            _known(row["p_corrected"]),
            better,
            row["about"] or "",
            count,
            reason,
        )

    def surest_first(self, systems: Sequence[str]) -> list[Difference]:
        """Of these systems on all headlines under all strategies, the surest first."""
        differences = [
            difference
            for index in self.board.headlines
            for decoding in self.board.decodings_of(index)
            for system in systems
            if (difference := self.of(index, decoding, system)) is not None and difference.value is not None
        ]
        return sorted(differences, key=lambda difference: 2.0 if difference.p is None else difference.p)


def _known(value: Any) -> float | None:
    return None if value is None else float(value)
