"""A short list of all runs in a results folder: what they are, how they differ, and their results. Needs no torch."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.common.errors import UserError, closest
from harness.common.numerals import with_unit
from harness.runs.index import OWN_KEYS, Entry, Index
from harness.runs.systems import differences_in_experiments


@dataclass(frozen=True)
class ListedRun:
    """A run, finished or not."""

    folder: Path
    status: str
    """The record's status; 'unfinished' without a record, 'unreadable' where the record can't be read."""
    differs: tuple[str, ...]
    """What tells it from other runs of its experiment, as 'order=3'."""
    headline: str
    """The run's main result, as '2.066 bits/byte'; '' where nothing was measured."""
    changed_at: float
    """When the run finished, else when its last file was written, in seconds since 1970."""


def listed(results: Path, filters: Sequence[str] = ()) -> list[ListedRun]:
    """The runs of a results folder or of an experiment's, newest first.

    filters: as 'status=failed' or 'training.batch_tokens=256,512'; a run must pass all. Records that were read before
    are not read again (harness/runs/index.py). UserError where there is no such folder, or no run has what a filter
    names.
    """
    index = Index(results)
    index.refresh(at_once=True)
    index.close()
    entries = _chosen(index.entries(), filters)
    recorded = [entry for entry in entries if entry.has_record]
    differs = dict(
        zip(
            (entry.id for entry in recorded),
            differences_in_experiments([entry.configured for entry in recorded]),
            strict=True,
        )
    )
    runs = [
        ListedRun(
            results / entry.run_id if results.resolve() != index.results else results / entry.id,
            entry.status,
            differs.get(entry.id, ()),
            _headline(entry),
            _changed_at(entry),
        )
        for entry in entries
    ]
    return sorted(runs, key=lambda run: (-run.changed_at, str(run.folder)))


def _chosen(entries: Sequence[Entry], filters: Sequence[str]) -> Sequence[Entry]:
    """The runs that pass all filters."""
    for written in filters:
        key, _, values = written.partition("=")
        keys = dict.fromkeys((*OWN_KEYS, *(name for entry in entries for name in entry.keys)))
        if key not in keys and entries:
            raise UserError(
                f"no run has {key!r}, which {written!r} asks for.{closest(key, keys)} Runs can be chosen by "
                f"{', '.join(OWN_KEYS)}, and every setting by its full name, as training.batch_tokens=512."
            )
        wanted = {_plain(value) for value in values.split(",")}
        entries = [entry for entry in entries if _plain(entry.value(key)) in wanted]
    return entries


def _plain(value: str) -> str:
    """A value as it is compared: numbers by what they are, whatever way they are written in."""
    try:
        return repr(float(value))
    except ValueError:
        return {"none": "null"}.get(value.lower(), value.lower() if value.lower() in ("true", "false") else value)


def _headline(entry: Entry) -> str:
    for headline in entry.headlines:
        if headline.value is not None:
            name = f" {headline.metric}" if headline.unit == "share" else ""
            return with_unit(headline.value, headline.unit) + name
    return ""


def _changed_at(entry: Entry) -> float:
    with contextlib.suppress(ValueError):  # there is no time, or it isn't ISO 8601
        return datetime.datetime.fromisoformat(entry.finished_at).timestamp()
    return entry.changed_at
