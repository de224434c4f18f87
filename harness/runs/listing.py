"""A short list of all runs in a results folder: what they are, how they differ, and their results. Needs no torch."""

from __future__ import annotations

import contextlib
import datetime
from dataclasses import dataclass
from pathlib import Path

from harness.common.errors import UserError
from harness.common.numerals import with_unit
from harness.common.results_folder import is_finished, runs_below
from harness.runs.record import RunRecord
from harness.runs.systems import differences_in_experiments


@dataclass(frozen=True)
class ListedRun:
    """A run, finished or not."""

    folder: Path
    status: str
    """The record's status; 'unfinished' without a record, 'damaged' where the record can't be read."""
    record: RunRecord | None
    differs: tuple[str, ...]
    """What tells it from other runs of its experiment, as 'order=3'."""
    changed_at: float
    """When the run finished, else when its last file was written, in seconds since 1970."""

    @property
    def headline(self) -> str:
        """The run's main result, as '2.066 bits/byte'; '' where nothing was measured."""
        for metric in self.record.headlines() if self.record else ():
            if metric.value is not None:
                name = f" {metric.metric}" if metric.unit == "share" else ""
                return with_unit(metric.value, metric.unit) + name
        return ""


def listed(results: Path) -> list[ListedRun]:
    """All runs, newest first. UserError where there is no such folder."""
    if not results.is_dir():
        raise UserError(
            f"there is no folder {results.resolve()}. Make a run with `bakeoff run`, or name the folder that "
            "holds your runs with --results."
        )
    read: list[tuple[Path, str, RunRecord | None]] = []
    for folder in runs_below(results):
        record, status = None, "unfinished"
        if is_finished(folder):
            try:
                record = RunRecord.read(folder)
                status = record.status
            except UserError:
                status = "damaged"
        read.append((folder, status, record))
    records = [record for _, _, record in read if record is not None]
    differs = {id(record): of_run for record, of_run in zip(records, differences_in_experiments(records), strict=True)}
    runs = [
        ListedRun(folder, status, record, differs.get(id(record), ()), _changed_at(folder, record))
        for folder, status, record in read
    ]
    return sorted(runs, key=lambda run: (-run.changed_at, str(run.folder)))


def _changed_at(folder: Path, record: RunRecord | None) -> float:
    if record is not None:
        with contextlib.suppress(ValueError):  # the time isn't ISO 8601
            return datetime.datetime.fromisoformat(record.finished_at).timestamp()
    files = [path for path in folder.iterdir() if path.is_file() and path.name[0] != "."]
    return max((path.stat().st_mtime for path in files), default=folder.stat().st_mtime)
