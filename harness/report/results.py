"""The records below a results folder as data frames: one tidy frame of metrics, the samples, and the curves.

Reads nothing but run.json, samples.parquet and curve.parquet.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet
import yaml

from harness.common.errors import UserError
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
from harness.config.yaml_text import plain_values
from harness.evaluation.metric import Metric
from harness.runs.frames import flat
from harness.runs.record import RunRecord
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
    def curve(self) -> pd.DataFrame:
        """The rows of curve.parquet, empty where there is none."""
        table = _read_parquet(self.folder / CURVE_FILE)
        return pd.DataFrame() if table is None else table


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


@dataclass(frozen=True)
class LeftOut:
    """A finished run that can't be read."""

    folder: Path
    why: str


@dataclass(frozen=True)
class Results:
    """Everything that a report rests on."""

    report_folder: Path
    """Where the report goes by default."""
    runs: tuple[Run, ...]
    unfinished: tuple[Path, ...]
    """Run folders without a run.json."""
    left_out: tuple[LeftOut, ...] = ()
    """Runs whose files can't be read."""

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
    for one in every_left_out:
        log.warning("%s is left out of the report: %s", one.folder, one.why)
    readable = {folder: runs_of for folder, runs_of in readable.items() if runs_of[0]}
    if not readable:
        raise UserError(every_left_out[0].why)
    loaded: list[Results] = []
    for report_folder, (records, _) in readable.items():
        records.sort(key=lambda item: (item[1].experiment, item[1].finished_at, item[1].run_id))
        of_systems, of_decodings = settings_of([record for _, record in records], whole)
        named = zip(records, labels(of_systems, "model.name"), labels(of_decodings, "decoding.name"), strict=True)
        runs = tuple(
            Run(tables, record, system, decoding, of_system | of_decoding)
            for ((tables, record), system, decoding), of_system, of_decoding in zip(
                named, of_systems, of_decodings, strict=True
            )
        )
        mine = tuple(u for u in unfinished if whole or len(groups) == 1 or u.parent == report_folder.parent)
        loaded.append(Results(report_folder, runs, mine, left_out[report_folder] + (() if loaded else lost)))
    return loaded


def _readable(folders: Sequence[Path]) -> tuple[list[tuple[Tables, RunRecord]], list[LeftOut]]:
    """The runs that can be read, and those that can't."""
    readable, broken = [], []
    for folder in folders:
        tables = Tables(folder)
        try:
            record = _read_record(folder)
            _ = tables.samples, tables.curve
        except UserError as error:
            broken.append(LeftOut(folder, str(error)))
        else:
            readable.append((tables, record))
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
        return RunRecord.read_noting_damage(folder)
    except OSError as error:
        raise UserError(f"{folder / RUN_FILE} cannot be read ({error}). Check its permissions.") from error


def _read_parquet(path: Path) -> pd.DataFrame | None:
    if not path.exists():
        return None
    try:
        table: pd.DataFrame = pyarrow.parquet.read_table(path).to_pandas()
    except (OSError, ValueError) as error:  # pyarrow's own errors are ValueErrors
        raise UserError(
            f"{path} cannot be read ({str(error).splitlines()[0]}). "
            f"Delete {path.parent} and start the same command again: it makes that run again."
        ) from error
    return table


def _checked(table: pd.DataFrame, folder: Path) -> pd.DataFrame:
    missing = {"eval", "sample_id"} - set(table.columns)
    if missing:
        raise UserError(
            f"{folder / SAMPLES_FILE} has no column {', '.join(sorted(missing))}; it has {list(table.columns)}."
        )
    return table.reindex(columns=_SAMPLE_COLUMNS)


def differing_settings(first: Path, second: Path) -> list[str]:
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
        "num_params_missed_by": _number(record.budget.get("num_params_missed_by")),
        "device": record.device,
        "peak_memory_bytes": _number(record.peak_memory_bytes),
        "finished_at": record.finished_at,
    }


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
