"""The records below a results folder as data frames: one tidy frame of metrics, the samples, and the curves.

Reads nothing but run.json, samples.parquet and curve.parquet.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet
import yaml

from harness.common.dotted import flat
from harness.common.errors import UserError, one_line
from harness.common.results_folder import (
    CONFIG_FILE,
    CURVE_FILE,
    RUN_FILE,
    SAMPLES_FILE,
    ResultsFolder,
    folders_in,
    is_finished,
    report_of,
    runs_in,
)
from harness.common.sealed import Damaged
from harness.config.yaml_text import plain_values
from harness.evaluation.metric import Metric
from harness.report.samples import SampleTable, sample_tables
from harness.runs.record import MISSED_BY, RunRecord, command_again, warn_of_damage
from harness.runs.systems import labels, settings_of

log = logging.getLogger("bakeoff")

# Settings that say where a run is kept.
_PLACES = frozenset({"experiment_name", "results_dir"})
_SAMPLE_COLUMNS = [
    "eval",
    "sample_id",
    "cluster",
    "prompt",
    "target",
    "answer",
    "values",
    "finish_reason",
    "nats",
    "num_tokens",
    "num_bytes",
    "slices",
    "parts",
]

_CURVE_NUMBERS = ("seconds", "tokens", "validation_bits_per_byte")
_NUMBERS = [
    "value",
    "stderr",
    "ci_low",
    "ci_high",
    "chance",
    "num_params",
    "train_tokens",
    "train_flops",
    "train_seconds",
]


@dataclass(frozen=True)
class Tables:
    """The tables of a run's folder."""

    folder: Path

    @cached_property
    def samples(self) -> pd.DataFrame:
        """The rows of samples.parquet, empty where there is none."""
        table = _read_parquet(self.folder / SAMPLES_FILE)
        return pd.DataFrame(columns=_SAMPLE_COLUMNS) if table is None else _checked(table, self.folder)

    @cached_property
    def by_eval(self) -> dict[str, SampleTable]:
        """The samples by eval, as arrays."""
        with damaged_by(self.folder / SAMPLES_FILE):
            return sample_tables(self.samples)

    @cached_property
    def curve(self) -> pd.DataFrame:
        """The rows of curve.parquet, empty where there is none."""
        table = _read_parquet(self.folder / CURVE_FILE)
        if table is None:
            return pd.DataFrame()
        with damaged_by(self.folder / CURVE_FILE):
            return table.astype({name: "float64" for name in _CURVE_NUMBERS if name in table.columns})


@dataclass(frozen=True)
class Run:
    """A finished run, with the names under which the report shows it."""

    tables: Tables
    record: RunRecord
    system: str
    """The label of everything configured but seed and decoding."""
    decoding: str
    """The label of the decoding strategy."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Everything configured that can change a number, but the seed, by dotted names."""

    @property
    def folder(self) -> Path:
        return self.tables.folder

    @property
    def samples(self) -> pd.DataFrame:
        return self.tables.samples

    @property
    def curve(self) -> pd.DataFrame:
        return self.tables.curve

    @property
    def learning_curve(self) -> pd.DataFrame:
        """The curve of pre-training, empty after post-training: the curve of a stage begins anew, on other validation
        text, so it stands beside no other."""
        return pd.DataFrame() if self.record.stages else self.curve


@dataclass(frozen=True)
class LeftOut:
    """A finished run that is not in the report."""

    folder: Path
    why: str
    is_damaged: bool = True
    """Whether a file of it can't be read; else a later run has taken its place."""


@dataclass(frozen=True)
class Results:
    """Everything that a report rests on."""

    report_folder: Path
    """Where the report goes by default."""
    runs: tuple[Run, ...]
    unfinished: tuple[Path, ...]
    """Run folders without a run.json."""
    left_out: tuple[LeftOut, ...] = ()
    """Runs whose files can't be read, and those that a later run has taken the place of."""

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row a run x metric x slice; a run without metrics (it failed) has one row without a metric."""
        rows = []
        for run in self.runs:
            about = _about(run)
            for metric in run.record.metrics:
                rows.append({**about, **asdict(metric)})
            if not run.record.metrics:
                rows.append({**about, **dict.fromkeys(Metric.__dataclass_fields__)})
        columns = list(rows[0])
        columns.append(columns.pop(columns.index("error")))
        return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(_NUMBERS, "float64"))


def load(*results: Path, whole: bool = False) -> list[Results]:
    """Read results folders, experiments' folders or runs' folders: one `Results` an experiment.

    `whole`, or several folders: all as one. A run with a file that can't be read is left out, with a warning. UserError
    where nothing finished lies there, or nothing that can be read.
    """
    groups: dict[Path, list[Path]] = {}
    unfinished: list[Path] = []
    for folder in results:
        finished, unfinished_there = _find(folder)
        if not any(finished.values()):
            raise UserError(_nothing_there(folder, unfinished_there))
        for report_folder, folders in finished.items():
            groups.setdefault(report_folder, []).extend(folders)
        unfinished += unfinished_there
    whole = (whole and len(groups) > 1) or len(results) > 1
    if whole:
        every = {folder.resolve(): folder for folders in groups.values() for folder in folders}
        together = report_of(results[0] if len(results) == 1 else ResultsFolder.around(next(iter(every))).path)
        groups = {together: list(every.values())}
    readable = {report_folder: _readable(folders) for report_folder, folders in groups.items()}
    left_out = {report_folder: tuple(broken) for report_folder, (_, broken) in readable.items()}
    # An experiment without a run that can be read has no report to say so in: the first one does.
    lost = tuple(one for folder, (records, broken) in readable.items() if not records for one in broken)
    every_left_out = [one for broken in left_out.values() for one in broken]
    _warn_of(every_left_out)
    readable = {folder: runs_of for folder, runs_of in readable.items() if runs_of[0]}
    if not readable:
        raise UserError(every_left_out[0].why)
    loaded: list[Results] = []
    for report_folder, (records, _) in readable.items():
        kept, replaced = put_together(records, whole)
        _warn_of(replaced)
        mine = tuple(u for u in unfinished if whole or len(groups) == 1 or u.parent == report_folder.parent)
        not_here = (*left_out[report_folder], *replaced, *(() if loaded else lost))
        loaded.append(Results(report_folder, kept, mine, not_here))
    return loaded


def put_together(records: Sequence[tuple[Tables, RunRecord]], whole: bool) -> tuple[tuple[Run, ...], list[LeftOut]]:
    """The runs of a report with their names, and those that a later run has taken the place of. whole: the records may
    be of several experiments."""
    in_order = sorted(records, key=lambda item: (item[1].experiment, item[1].finished_at, item[1].run_id))
    of_systems, of_decodings = settings_of([record for _, record in in_order], whole)
    named = zip(in_order, labels(of_systems, "model.name"), labels(of_decodings, "decoding.name"), strict=True)
    runs = tuple(
        Run(tables, record, system, decoding, of_system | of_decoding)
        for ((tables, record), system, decoding), of_system, of_decoding in zip(
            named, of_systems, of_decodings, strict=True
        )
    )
    return _newest(runs)


def _warn_of(left_out: Iterable[LeftOut]) -> None:
    for one in left_out:
        log.warning("%s is left out of the report: %s", one.folder, one.why)


def _newest(runs: Sequence[Run]) -> tuple[tuple[Run, ...], list[LeftOut]]:
    """The runs without those whose place a later one has taken, and these.

    Two runs of the same names and seed are of one fit and one decoding strategy, or what they are made of has changed
    in between, such as a file of the data.
    """
    newest: dict[tuple[str, str, int], Run] = {}
    for run in runs:
        names = (run.system, run.decoding, run.record.seed)
        if names not in newest or newest[names].record.finished_at <= run.record.finished_at:
            newest[names] = run
    kept, replaced = [], []
    for run in runs:
        later = newest[run.system, run.decoding, run.record.seed]
        differences = _unlike(run, later)
        if differences:
            why = (
                f"{later.folder.name}, which finished later, is the same model, decoding strategy and seed, but they "
                f"differ in {', '.join(differences)}. To have both, make one of them with another experiment_name; to "
                f"be rid of this message, delete {run.folder}."
            )
            replaced.append(LeftOut(run.folder, why, is_damaged=False))
        else:
            kept.append(run)
    return tuple(kept), replaced


def _unlike(first: Run, second: Run) -> list[str]:
    """What two runs of the same names and seed differ in; nothing where they are of one fit and decoding strategy."""
    one, other = first.record, second.record
    ids = [name for name in ("fit_id", "decoding_id") if getattr(one, name) != getattr(other, name)]
    if not ids:
        return []
    data = ["data.fingerprint"] if one.data.get("fingerprint") != other.data.get("fingerprint") else []
    return [*_differing_settings(first.folder, second.folder), *data] or ids


def _readable(folders: Sequence[Path]) -> tuple[list[tuple[Tables, RunRecord]], list[LeftOut]]:
    """The runs that can be read, and those that can't."""
    readable, broken = [], []
    for folder in folders:
        tables = Tables(folder)
        try:
            record = _read_record(folder)
            _ = tables.by_eval, tables.curve
        except UserError as error:
            broken.append(LeftOut(folder, str(error)))
        else:
            readable.append((tables, record))
            warn_of_damage(folder)
    return readable, broken


def _find(results: Path) -> tuple[dict[Path, list[Path]], list[Path]]:
    """(finished run folders by the folder that their report goes to, unfinished run folders)."""
    if not results.exists():
        raise UserError(
            f"{results} does not exist. Give a results folder, an experiment's folder or a run's folder; "
            "`bakeoff list runs` shows what there is."
        )
    if not results.is_dir():
        raise UserError(
            f"{results} is a file. Give the folder that holds the runs (it is called 'results' by default)."
        )
    try:
        if is_finished(results):
            return {report_of(results): [results]}, []
        finished, unfinished = _runs_in(results)
        if finished:
            return {report_of(results): finished}, unfinished
        groups: dict[Path, list[Path]] = {}
        for experiment in folders_in(results):
            finished, more_unfinished = _runs_in(experiment)
            unfinished += more_unfinished
            if finished:
                groups[report_of(experiment)] = finished
        return groups, unfinished
    except OSError as error:
        raise UserError(f"{results} cannot be read ({error}). Check its permissions.") from error


def _runs_in(experiment: Path) -> tuple[list[Path], list[Path]]:
    """(finished, unfinished)."""
    runs = runs_in(experiment)
    return [run for run in runs if is_finished(run)], [run for run in runs if not is_finished(run)]


def _nothing_there(results: Path, unfinished: list[Path]) -> str:
    if unfinished:
        names = ", ".join(folder.name for folder in unfinished[:3]) + (", ..." if len(unfinished) > 3 else "")
        return (
            f"{results} holds no finished run: {len(unfinished)} begun and not finished ({names}). "
            "Start the same command again: it does the rest."
        )
    names = ", ".join(sorted(path.name for path in results.iterdir())[:5])
    return (
        f"{results} holds no run (no {RUN_FILE} in it, in its folders, or in theirs; there is: {names or 'nothing'}). "
        "Give the folder that `bakeoff compare` or `bakeoff run` wrote to, or run `bakeoff compare` first."
    )


def _read_record(folder: Path) -> RunRecord:
    try:
        return RunRecord.read(folder)
    except OSError as error:
        raise UserError(f"{folder / RUN_FILE} cannot be read ({error}). Check its permissions.") from error


def _read_parquet(path: Path) -> pd.DataFrame | None:
    if not path.exists():
        return None
    with damaged_by(path):
        table: pd.DataFrame = pyarrow.parquet.read_table(path).to_pandas()
    return table


@contextmanager
def damaged_by(path: Path) -> Iterator[None]:
    """Damaged where a file of a run isn't what it should be: an error in this block shows it."""
    try:
        yield
    except (OSError, ValueError, TypeError, LookupError, AttributeError) as error:  # pyarrow's own are ValueErrors
        why = f"it cannot be read ({one_line(error)})"
        raise Damaged(path, f"run {path.parent.name}", why).mended_by(command_again(path.parent)) from error


def _checked(table: pd.DataFrame, folder: Path) -> pd.DataFrame:
    missing = {"eval", "sample_id"} - set(table.columns)
    if missing:
        why = f"it has no column {', '.join(sorted(missing))}"
        raise Damaged(folder / SAMPLES_FILE, f"run {folder.name}", why).mended_by(command_again(folder))
    return table.reindex(columns=_SAMPLE_COLUMNS)


def _differing_settings(first: Path, second: Path) -> list[str]:
    """The settings, by their dotted names, in which the configurations of two run folders differ."""
    try:
        settings = [
            flat(plain_values((folder / CONFIG_FILE).read_text(encoding="utf-8"))) for folder in (first, second)
        ]
    except (OSError, ValueError, yaml.YAMLError, AttributeError):
        return []
    keys = sorted(set(settings[0]) | set(settings[1]))
    return [key for key in keys if key not in _PLACES and settings[0].get(key) != settings[1].get(key)]


def _about(run: Run) -> dict[str, Any]:
    record = run.record
    return {
        "experiment": record.experiment,
        "run_id": record.run_id,
        "fit_id": record.fit_id,
        "status": record.status,
        "error": record.error,
        "family": record.family,
        "model": run.system,
        "decoding": run.decoding,
        "seed": record.seed,
        "data": record.data.get("name"),
        "data_fingerprint": record.data.get("fingerprint"),
        "tokenizer": record.tokenizer.get("name"),
        "num_params": _number(record.cost.get("num_params")),
        "model_bytes": _number(record.cost.get("model_bytes")),
        "flops_per_token": _number(record.cost.get("flops_per_token")),
        "state_bytes_at_context": _number(record.cost.get("state_bytes_at_context")),
        "train_tokens": _number(record.spent.get("tokens")),
        "train_flops": _number(record.spent.get("flops")),
        "train_seconds": _number(record.spent.get("seconds")),
        "train_steps": _number(record.spent.get("steps")),
        **{name: _number(record.budget.get(name)) for name in MISSED_BY},
        "device": record.device,
        "peak_memory_bytes": _number(record.peak_memory_bytes),
        "finished_at": record.finished_at,
    }


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
