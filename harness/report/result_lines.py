"""The table of results, line by line and cell by cell: what the report's page, its summary and the dashboard show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from harness.report.comparison import Cell, Comparison
from harness.report.results import Run
from harness.report.wording import estimate_text


@dataclass(frozen=True)
class ResultLine:
    """A system under one decoding strategy, over its seeds."""

    system: str
    family: str
    decoding: str
    experiments: tuple[str, ...]
    runs: tuple[str, ...]
    """Their ids, 'experiment/run_id'."""
    num_seeds: int
    """That have a fit."""
    num_failed: int
    """Runs."""
    num_params: float | None
    """Means over runs, as are the others."""
    model_bytes: float | None
    flops_per_token: float | None
    tokens: float | None
    """Spent in training."""
    seconds: float | None
    flops: float | None

    @property
    def seeds_text(self) -> str:
        """'3', '2 (1 failed)'."""
        return str(self.num_seeds) + (f" ({self.num_failed} failed)" if self.num_failed else "")


def result_lines(comparison: Comparison) -> list[ResultLine]:
    """The worst system first."""
    runs_of: dict[tuple[str, str], list[Run]] = {}
    for run in comparison.results.runs:
        runs_of.setdefault((run.system, run.decoding), []).append(run)
    keys = [(system, decoding) for system in comparison.systems for decoding in comparison.decodings]
    return [_line(*key, runs_of[key]) for key in keys if key in runs_of]


def _line(system: str, decoding: str, runs: Sequence[Run]) -> ResultLine:
    records = [run.record for run in runs]
    finished = [record for record in records if record.status != "failed"]
    costs = ("num_params", "model_bytes", "flops_per_token")
    return ResultLine(
        system,
        records[0].family,
        decoding,
        tuple(sorted({record.experiment for record in records})),
        tuple(f"{run.folder.parent.name}/{run.folder.name}" for run in runs),
        len({record.seed for record in finished}),
        len(records) - len(finished),
        *(_mean([record.cost.get(name) for record in records]) for name in costs),
        *(_mean([record.spent.get(name) for record in records]) for name in ("tokens", "seconds", "flops")),
    )


def _mean(values: Sequence[Any]) -> float | None:
    known = [float(value) for value in values if value is not None]
    return sum(known) / len(known) if known else None


@dataclass(frozen=True)
class Column:
    """The head of a column of values."""

    name: str
    better: str
    """'lower is better', ..., or ''."""
    counts: str
    """'n of n_total' of most of its cells."""
    best_under: str = ""
    """The decoding strategy under which its best value stands, where there are several."""
    link: str = ""
    about: str = ""


@dataclass(frozen=True)
class TableCell:
    """A value with its interval."""

    value: str
    interval: str
    counts: str
    """'n of n_total' where it is not its column's, else ''."""
    reason: str
    leads: bool
    """The best of its column, or not significantly different from it."""


def table_cell(cell: Cell | None, usual_counts: str, leads: bool = False) -> TableCell:
    """What was measured, as tables show it. usual_counts: those of its column."""
    if cell is None:
        return TableCell("–", "", "", "not measured", False)
    value, _, interval = estimate_text(cell).partition(" ")
    counts = _counts(cell)
    return TableCell(value, interval, "" if counts == usual_counts else counts, cell.estimate.reason or "", leads)


def usual_counts(cells: Iterable[Cell | None]) -> str:
    """The counts that most cells of a column share."""
    counts = Counter(_counts(cell) for cell in cells if cell is not None)
    return counts.most_common(1)[0][0] if counts else ""


def _counts(cell: Cell) -> str:
    return f"{cell.estimate.n:,} of {cell.estimate.n_total:,}"
