"""What lies in a results folder: one short entry a run, kept in a file, so that no record is read twice.

A run is read again only where its files changed (their sizes and times). The file is derived: deleting it costs the
time to read the records again. Records are never changed.
"""

from __future__ import annotations

import functools
import json
import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.common.dotted import flat
from harness.common.errors import UserError
from harness.common.files import write_bytes
from harness.common.results_folder import CONFIG_FILE, CURVE_FILE, LOG_FILE, RESERVED, RUN_FILE, SAMPLES_FILE
from harness.config.identity import WITHOUT_EFFECT

log = logging.getLogger("bakeoff")

INDEX_FILE = ".index.json"
_VERSION = 2
_SECONDS_BETWEEN_SCANS = 1.0
_SECONDS_BETWEEN_WRITES = 10.0
_MOST_SECONDS_TO_SCAN = 2.0
_PARTS = ("model", "tokenizer", "data", "training", "post", "budget", "decoding", "evals", "recipes")
UNFINISHED, UNREADABLE = "unfinished", "unreadable"
OWN_KEYS = ("status", "family", "model", "decoding", "seed", "experiment", "rewards", "ratings")
"""What runs can be chosen by, beside their settings."""

Stamp = tuple[int, ...]
"""The times and sizes of a run's files: another stamp is another content."""


@dataclass(frozen=True)
class Headline:
    """One result of a run, as its record has it."""

    eval: str
    metric: str
    unit: str
    value: float | None
    ci_low: float | None
    ci_high: float | None


@dataclass(frozen=True)
class Configured:
    """What a run was, as its record has it: what `harness.runs.systems` tells runs apart by."""

    experiment: str
    run_id: str
    finished_at: str
    family: str
    seed: int
    fit_id: str
    decoding_id: str
    measured: frozenset[str]
    recipes: dict[str, str]
    model: dict[str, Any]
    tokenizer: dict[str, Any]
    data: dict[str, Any]
    training: dict[str, Any]
    post: dict[str, Any]
    budget: dict[str, Any]
    decoding: dict[str, Any]
    evals: dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """A run, finished or not."""

    experiment: str
    run_id: str
    stamp: Stamp
    status: str
    """The record's, or UNFINISHED (no record), or UNREADABLE."""
    why: str = ""
    """What failed in one line, or why the record can't be read."""
    family: str = ""
    model: str = ""
    decoding: str = ""
    seed: int | None = None
    started_at: str = ""
    finished_at: str = ""
    num_notes: int = 0
    num_params: float | None = None
    seconds: float | None = None
    fingerprint: str = ""
    """Of the data."""
    headlines: tuple[Headline, ...] = ()
    fit_id: str = ""
    decoding_id: str = ""
    measured: tuple[str, ...] = ()
    """The evals that measured something."""
    rewards: str = ""
    """What stages of post-training rewarded."""
    ratings: str = ""
    """Where the ratings came from that they learnt from."""
    parts: str = "{}"
    """Everything configured and the recipes, as JSON; shared by runs that differ in their seed."""
    changed: int = 0
    """The cursor at which it last changed."""

    @property
    def id(self) -> str:
        return f"{self.experiment}/{self.run_id}"

    @property
    def has_record(self) -> bool:
        return self.status not in (UNFINISHED, UNREADABLE)

    @property
    def settings(self) -> str:
        """Everything configured by dotted names, but for classes and hashes, as JSON."""
        return _settings(self.parts)

    def value(self, key: str) -> str:
        """What the run has under a name as text: one of OWN_KEYS, or a setting's dotted name; '' where it has none."""
        value = getattr(self, key) if key in OWN_KEYS else _parsed(self.settings).get(key, "")
        return "" if value is None and key in OWN_KEYS else value if isinstance(value, str) else json.dumps(value)

    @property
    def keys(self) -> Sequence[str]:
        """The dotted names of its settings."""
        return tuple(_parsed(self.settings))

    @property
    def configured(self) -> Configured:
        """What the run was. It must have a record."""
        assert self.seed is not None
        own = (self.experiment, self.run_id, self.finished_at, self.family, self.seed, self.fit_id, self.decoding_id)
        return Configured(*own, frozenset(self.measured), **_loaded(self.parts))

    @property
    def changed_at(self) -> float:
        """When its newest file was written, in seconds since 1970."""
        return max(self.stamp[::2]) / 1e9


class Index:
    """The entries of all runs of a results folder, or of one experiment's folder."""

    def __init__(self, results: Path) -> None:
        """UserError where there is no such folder."""
        if not results.is_dir():
            raise UserError(
                f"there is no folder {results.resolve()}. Make a run with `bakeoff run`, or name the folder that holds "
                "your runs, as in `bakeoff dashboard results`."
            )
        resolved = results.resolve()
        is_experiment = any(_stamp(folder) for folder in _folders(resolved))
        self.results = resolved.parent if is_experiment else resolved
        self._only = resolved.name if is_experiment else None
        self.cursor = 0
        """Grows with every change."""
        self.num_unread = 0
        """Runs that are found and not read yet."""
        self._entries: dict[str, Entry] = {}
        self._removed: dict[str, int] = {}
        self._scanning = threading.Lock()
        self._is_scanned = threading.Event()
        self._scanned_at = self._written_at = 0.0
        self._is_written = True
        self._load()

    @property
    def path(self) -> Path:
        return self.results / INDEX_FILE

    def entries(self) -> list[Entry]:
        """All runs, the latest first."""
        entries = tuple(self._entries.values())  # another thread may be reading more
        return sorted(entries, key=lambda entry: (entry.finished_at or "9", entry.id), reverse=True)

    def get(self, run: str) -> Entry | None:
        """The run of this id, 'experiment/run_id'."""
        return self._entries.get(run)

    def experiments(self) -> dict[str, list[Entry]]:
        """The runs by experiment, the latest first."""
        by_name: dict[str, list[Entry]] = {}
        for entry in self.entries():
            by_name.setdefault(entry.experiment, []).append(entry)
        return by_name

    def since(self, cursor: int) -> tuple[list[Entry], list[str]]:
        """What changed after a cursor: entries, and the ids of runs that were removed."""
        changed = [entry for entry in list(self._entries.values()) if entry.changed > cursor]
        return changed, [run for run, at in list(self._removed.items()) if at > cursor]

    def folder(self, entry: Entry) -> Path:
        return self.results / entry.experiment / entry.run_id

    def refresh(self, at_once: bool = False) -> None:
        """Look for changes, unless somebody just did or does. at_once: look in any case."""
        if not at_once and time.monotonic() - self._scanned_at < _SECONDS_BETWEEN_SCANS:
            return
        if not self._scanning.acquire(blocking=at_once):
            self._is_scanned.wait(_MOST_SECONDS_TO_SCAN)  # the first page says how much is still to be read
            return
        try:
            self._refresh()
            self._scanned_at = time.monotonic()
        finally:
            self._scanning.release()

    def _refresh(self) -> None:
        stamps = dict(self._scan())
        changed = {run: stamp for run, stamp in stamps.items() if not self._is_known(run, stamp)}
        self.num_unread = len(changed)
        self._is_scanned.set()
        for run, stamp in changed.items():
            self.cursor += 1
            self._entries[run] = _entry(self.results, run, stamp, self.cursor)
            self._removed.pop(run, None)
            self.num_unread -= 1
        for run in set(self._entries) - set(stamps):
            self.cursor += 1
            del self._entries[run]
            self._removed[run] = self.cursor
            changed[run] = ()
        self._is_written = self._is_written and not any(self._is_to_be_kept(run) for run in changed)
        if not self._is_written and time.monotonic() - self._written_at > _SECONDS_BETWEEN_WRITES:
            self.write()

    def _is_known(self, run: str, stamp: Stamp) -> bool:
        entry = self._entries.get(run)
        return entry is not None and entry.stamp == stamp

    def _is_to_be_kept(self, run: str) -> bool:
        entry = self._entries.get(run)
        return entry is None or entry.status != UNFINISHED

    def _scan(self) -> Iterator[tuple[str, Stamp]]:
        names = [self._only] if self._only else [folder.name for folder in _folders(self.results)]
        for name in names:
            for folder in _folders(self.results / name):
                if stamp := _stamp(folder):
                    yield f"{name}/{folder.name}", stamp

    def write(self) -> None:
        """Keep the entries. Where the folder can't be written to, everything works but the next start is slower."""
        parts: dict[str, int] = {}
        rows = []
        for entry in list(self._entries.values()):
            if entry.status != UNFINISHED:
                fields = vars(entry) | {"parts": parts.setdefault(entry.parts, len(parts))}
                fields["headlines"] = [list(vars(headline).values()) for headline in entry.headlines]
                del fields["changed"]
                rows.append(list(fields.values()))
        content = {"version": _VERSION, "parts": list(parts), "runs": rows}
        self._written_at, self._is_written = time.monotonic(), True
        try:
            write_bytes(self.path, json.dumps(content, separators=(",", ":")).encode())
        except OSError as error:
            log.info("the index of runs can't be kept in %s (%s): the next start reads all records", self.path, error)

    def close(self) -> None:
        """Write what was not written yet."""
        if not self._is_written:
            self.write()

    def _load(self) -> None:
        """Take in the kept entries; none where there are none, or of another version."""
        try:
            content = json.loads(self.path.read_bytes())
            if content["version"] != _VERSION:
                return
            names = [name for name in Entry.__dataclass_fields__ if name != "changed"]
            for row in content["runs"]:
                fields: dict[str, Any] = dict(zip(names, row, strict=True))
                fields["stamp"], fields["measured"] = tuple(fields["stamp"]), tuple(fields["measured"])
                fields["parts"] = content["parts"][fields["parts"]]
                fields["headlines"] = tuple(Headline(*headline) for headline in fields["headlines"])
                entry = Entry(**fields)
                self._entries[entry.id] = entry
        except (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError):
            self._entries.clear()  # it is only a copy


def _folders(folder: Path) -> list[os.DirEntry[str]]:
    """The folders that may be experiments, or an experiment's that may be runs; none where it is gone."""
    try:
        with os.scandir(folder) as items:
            return sorted(
                (item for item in items if item.name not in RESERVED and item.name[0] != "." and item.is_dir()),
                key=lambda item: item.name,
            )
    except OSError:
        return []


def _stamp(folder: os.DirEntry[str]) -> Stamp:
    """The stamp of a run's folder; () of another folder."""
    if record := _time_and_size(f"{folder.path}/{RUN_FILE}"):
        tables = (_time_and_size(f"{folder.path}/{name}") or (0, 0) for name in (SAMPLES_FILE, CURVE_FILE))
        return sum(tables, record)
    if config := _time_and_size(f"{folder.path}/{CONFIG_FILE}"):
        return config + (_time_and_size(f"{folder.path}/{LOG_FILE}") or ())
    return ()


def _time_and_size(path: str) -> Stamp:
    try:
        status = os.stat(path)
    except OSError:
        return ()
    return status.st_mtime_ns, status.st_size


def _entry(results: Path, run: str, stamp: Stamp, cursor: int) -> Entry:
    """Read a run. What can't be read is an entry that says so."""
    from harness.runs.record import RunRecord

    experiment, _, run_id = run.partition("/")
    folder = results / experiment / run_id
    if not (folder / RUN_FILE).is_file():
        return Entry(experiment, run_id, stamp, UNFINISHED, changed=cursor)
    try:
        record = RunRecord.read(folder)
    except UserError as error:
        return Entry(experiment, run_id, stamp, UNREADABLE, why=str(error), changed=cursor)
    except OSError as error:
        return Entry(experiment, run_id, stamp, UNREADABLE, why=f"{RUN_FILE} can't be read ({error})", changed=cursor)
    return Entry(
        experiment,
        run_id,
        stamp,
        record.status,
        record.error or "",
        record.family,
        str(record.model.get("name")),
        str(record.decoding.get("name")),
        record.seed,
        record.started_at,
        record.finished_at,
        len(record.notes),
        record.cost.get("num_params"),
        record.spent.get("seconds"),
        str(record.data.get("fingerprint")),
        tuple(Headline(m.eval, m.metric, m.unit, m.value, m.ci_low, m.ci_high) for m in record.headlines()),
        record.fit_id,
        record.decoding_id,
        tuple(sorted(record.measured)),
        record.rewards,
        record.ratings,
        json.dumps({part: getattr(record, part) for part in _PARTS}, sort_keys=True, default=str),
        cursor,
    )


@functools.lru_cache(maxsize=65_536)
def _parsed(settings: str) -> Mapping[str, Any]:
    parsed: Mapping[str, Any] = json.loads(settings)
    return parsed


@functools.lru_cache(maxsize=65_536)
def _loaded(parts: str) -> Mapping[str, Any]:
    loaded: Mapping[str, Any] = json.loads(parts)
    return loaded


@functools.lru_cache(maxsize=65_536)
def _settings(parts: str) -> str:
    configured = flat({part: value for part, value in _loaded(parts).items() if part != "recipes"})
    hidden = ("_target_", "fingerprint", *WITHOUT_EFFECT)
    shown = {key: value for key, value in configured.items() if not key.endswith(hidden)}
    return json.dumps(shown, sort_keys=True)
