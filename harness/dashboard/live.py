"""What goes on in the results folder now: runs that are begun and not finished, and what they wrote last."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from harness.common.durations import duration
from harness.common.results_folder import LOG_FILE
from harness.runs.index import UNFINISHED, Entry, Index

_SILENT_AFTER = 120.0
_TAIL_BYTES = 2000
_MOST_SHOWN = 20


@dataclass(frozen=True)
class Running:
    """A run without a record."""

    id: str
    ago: str
    """Since it wrote something, as '12 s'."""
    is_silent: bool
    """Whether it wrote nothing for long: it may have been stopped."""
    says: str
    """The last line of its log."""


def running(index: Index, entries: Sequence[Entry]) -> list[Running]:
    """The runs that are not finished, the most recent first."""
    unfinished = sorted((e for e in entries if e.status == UNFINISHED), key=lambda e: -e.changed_at)
    return [
        Running(
            entry.id,
            duration(max(0.0, time.time() - entry.changed_at)),
            time.time() - entry.changed_at > _SILENT_AFTER,
            _last_line(index, entry),
        )
        for entry in unfinished[:_MOST_SHOWN]
    ]


def _last_line(index: Index, entry: Entry) -> str:
    try:
        with (index.folder(entry) / LOG_FILE).open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _TAIL_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return lines[-1] if lines else ""


def summary(entries: Sequence[Entry]) -> str:
    """'2 running, 34 complete, 1 failed', and how long a run takes."""
    counts: dict[str, int] = {}
    for entry in entries:
        is_silent = entry.status == UNFINISHED and time.time() - entry.changed_at > _SILENT_AFTER
        name = "stopped or silent" if is_silent else "running" if entry.status == UNFINISHED else entry.status
        counts[name] = counts.get(name, 0) + 1
    text = ", ".join(
        f"{count:,} {name}" for name, count in sorted(counts.items(), key=lambda item: item[0] != "running")
    )
    seconds = [entry.seconds for entry in entries if entry.seconds is not None]
    return f"{text}; training takes {duration(median(seconds))} (median)" if seconds else text
