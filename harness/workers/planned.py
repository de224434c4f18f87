"""The plan of a sweep, on disk: its runs with their ids, which any number of workers then do.

    sweeps/<sweep_id>/sweep.jsonl       the first line: the command; the others: one run each
    sweeps/<sweep_id>/round.json        the latest start of its command
    sweeps/<sweep_id>/claims/           who does what now (harness/common/claims.py)
    sweeps/<sweep_id>/workers/          what each worker did (harness/workers/ledger.py) and printed

The id follows from the runs' ids, so the same command finds its sweep again. Needs no torch.
"""

from __future__ import annotations

import dataclasses
import json
import secrets
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.common.errors import UserError
from harness.common.files import from_here, make_folder, write_bytes, write_json
from harness.common.results_folder import RUN_FILE, ResultsFolder
from harness.common.sealed import Damaged, digest, read_object
from harness.config.compose import compose
from harness.config.identity import content_hash, identity
from harness.config.options import conf_dir
from harness.config.plugins import OWN_PACKAGES, loaded_files, packages
from harness.runs.complete import complete_record
from harness.runs.plan import names_fits, plan_evals
from harness.runs.settings import typed
from harness.runs.sweep import Sweep, expand, sweep
from harness.training.workshop import Prepared

_PLAN, _ROUND, _CLAIMS, _WORKERS = "sweep.jsonl", "round.json", "claims", "workers"
_VERSION = 1


def plan_file(folder: Path) -> Path:
    """The file of the plan in a sweep's folder."""
    return folder / _PLAN


def round_file(folder: Path) -> Path:
    """The file of the latest start in a sweep's folder."""
    return folder / _ROUND


@dataclass(frozen=True)
class PlannedRun:
    """A run of a sweep."""

    number: int
    """From 1, in the order of the command."""
    overrides: tuple[str, ...]
    experiment: str
    run_id: str
    fit_id: str


@dataclass(frozen=True)
class Round:
    """A start of a sweep's command: runs that failed before are tried again in it."""

    name: str
    missing: frozenset[int]
    """The numbers of the runs that it has to do."""


@dataclass(frozen=True)
class PlannedSweep:
    """A sweep, ready to be worked on."""

    id: str
    results: ResultsFolder
    runs: tuple[PlannedRun, ...]
    plugins: tuple[str, ...] = ()
    """The plugin files that its runs use."""
    started_in: str = "."
    """The folder from which relative paths lead."""
    key: str | None = None
    """Names everything that the plan follows from, but the texts; None where that isn't known."""
    texts: tuple[tuple[tuple[str, ...], str], ...] = ()
    """For each data set: the overrides of a run that reads it, and the fingerprint of its texts."""

    @property
    def folder(self) -> Path:
        return self.results.sweeps / self.id

    @property
    def workers(self) -> Path:
        """The folder of what the workers did and printed."""
        return self.folder / _WORKERS

    def claim(self, name: str) -> Path:
        """The file of a claim."""
        return self.folder / _CLAIMS / name

    def write(self) -> None:
        """Write the plan, unless it is there."""
        command = {
            "version": _VERSION,
            "plugins": self.plugins,
            "started_in": self.started_in,
            "key": self.key,
            "texts": self.texts,
        }
        lines = [command, *map(dataclasses.asdict, self.runs)]
        for folder in (_CLAIMS, _WORKERS):
            make_folder(self.folder / folder)
        write_bytes(plan_file(self.folder), "".join(f"{json.dumps(line)}\n" for line in lines).encode())

    @classmethod
    def read(cls, folder: Path) -> PlannedSweep:
        """The plan in a sweep's folder. UserError where there is none."""
        path = plan_file(folder)
        try:
            command, *lines = [json.loads(line) for line in path.read_bytes().splitlines()]
            if command["version"] != _VERSION:
                raise UserError(f"{path} is of another version of bakeoff. Give the sweep's command again.")
            runs = tuple(PlannedRun(**{**line, "overrides": tuple(line["overrides"])}) for line in lines)
            results = ResultsFolder(from_here(folder.absolute().parent.parent))
            texts = tuple((tuple(overrides), fingerprint) for overrides, fingerprint in command["texts"])
            return cls(
                folder.name, results, runs, tuple(command["plugins"]), command["started_in"], command["key"], texts
            )
        except FileNotFoundError:
            raise UserError(f"{folder} holds no sweep (no {_PLAN}). `bakeoff run -m ...` makes one.") from None
        except (ValueError, TypeError, KeyError) as error:
            raise UserError(f"{path} is damaged ({error}). Give the sweep's command again.") from None

    def begin_round(self, missing: Iterable[int]) -> Round:
        """Note a new start of the command. missing: the numbers of the runs that it has to do."""
        started = Round(secrets.token_hex(8), frozenset(missing))
        write_json(round_file(self.folder), {"name": started.name, "missing": sorted(started.missing)})
        return started

    def latest_round(self) -> Round:
        """The latest start of the command. UserError where there is none."""
        try:
            noted = read_object(round_file(self.folder), f"sweep {self.id}")
            return Round(noted["name"], frozenset(noted["missing"]))
        except (FileNotFoundError, KeyError, TypeError):
            raise UserError(f"sweep {self.id} was never started. Give its command again.") from None

    def complete(self) -> frozenset[int]:
        """The numbers of the runs that are complete, and whose files and fits are whole."""
        return frozenset(
            run.number
            for run in self.runs
            if complete_record(self.results.run(run.experiment, run.run_id), self.results.fit(run.fit_id)) is not None
        )

    def not_complete(self) -> set[int]:
        """The numbers of the runs whose record isn't that of a complete run. Their files aren't checked."""
        return {run.number for run in self.runs if not _says_complete(self.results.run(run.experiment, run.run_id))}


def _says_complete(folder: Path) -> bool:
    try:
        return read_object(folder / RUN_FILE, folder.name).get("status") == "complete"
    except (FileNotFoundError, Damaged):
        return False


@dataclass(frozen=True)
class Planning:
    """What became of a command line."""

    sweep: PlannedSweep
    refused: Mapping[int, str]
    """By number: why a run can't be done."""

    @property
    def num_runs(self) -> int:
        """How many runs were asked for."""
        return len(self.sweep.runs) + len(self.refused)


def planned(overrides: Sequence[str], prepared: Prepared) -> Planning:
    """The plan of a command line: an earlier one where nothing has changed, else a new one. UserError where one of its
    runs is misconfigured."""
    return _planned_before(overrides, prepared) or _plan(sweep(overrides), _key(overrides), prepared)


def _planned_before(overrides: Sequence[str], prepared: Prepared) -> Planning | None:
    """The plan that the same command line made before; None where there is none, or where a configuration, a plugin,
    bakeoff or a text has changed since. To compose a thousand runs takes many seconds."""
    key = _key(overrides)
    try:
        first = typed(compose(expand(overrides)[0]))
    except UserError:
        return None  # `sweep` says what is wrong
    for folder in ResultsFolder(first.results_dir).sweeps.glob("*"):
        try:
            if _header(folder).get("key") != key:
                continue
            before = PlannedSweep.read(folder)
            texts = [(typed(compose(of_run)).data, fingerprint) for of_run, fingerprint in before.texts]
        except UserError:
            continue
        if all(prepared.corpus(data).fingerprint == fingerprint for data, fingerprint in texts):
            return Planning(before, {})
    return None


def _header(folder: Path) -> dict[str, Any]:
    """The first line of a plan; empty where it can't be read."""
    try:
        with plan_file(folder).open("rb") as file:
            command = json.loads(file.readline())
    except (OSError, ValueError):
        return {}
    return command if isinstance(command, dict) else {}


def _key(overrides: Sequence[str]) -> str:
    """Names a command line and everything but texts that its plan follows from: the files of configurations, of plugins
    and of bakeoff, and the folder in which it is given."""
    named = {value.strip("'\"[]") for override in overrides for value in override.partition("=")[2].split(",")}
    files = [Path(name).expanduser() for name in sorted(named) if name.endswith((".py", ".yaml"))]
    for folder in (conf_dir(), *(package.conf for package in packages())):
        files += sorted(folder.rglob("*.yaml"))
    contents = {str(path): digest(path) for path in files if path.is_file()}
    code = [Path(__file__).resolve().parents[2] / name for name in OWN_PACKAGES]
    code += [package.folder for package in packages()]
    states = {path: path.stat() for folder in code for path in folder.rglob("*.py")}
    modules = {str(path): [state.st_size, state.st_mtime_ns] for path, state in states.items()}
    loaded = {str(plugin.path): plugin.sha256 for plugin in loaded_files()}
    return content_hash([list(overrides), str(Path.cwd()), contents, modules, loaded])


def _plan(asked: Sweep, key: str, prepared: Prepared) -> Planning:
    """Plan the runs of a command line. UserError where its runs lie in several results folders."""
    folders = {job.settings.results_dir for job in asked.jobs}
    if len(folders) > 1:
        raise UserError(
            f"results_dir has several values ({', '.join(map(str, sorted(folders)))}), but a sweep has one results "
            "folder. Make a sweep for each."
        )
    by_data: dict[str, list[int]] = defaultdict(list)  # a corpus is loaded once, however the runs are ordered
    for number, job in enumerate(asked.jobs, start=1):
        by_data[content_hash(identity(job.settings.data))].append(number)
    runs, refused, texts = {}, {}, []
    any_names_fits = False
    for numbers in by_data.values():
        for number in numbers:
            job = asked.jobs[number - 1]
            try:
                plan = plan_evals(job.settings, prepared)
            except UserError as error:
                refused[number] = f"{error} (in {' '.join(job.overrides)})"
                continue
            runs[number] = PlannedRun(number, tuple(job.overrides), plan.experiment, plan.run_id, plan.fit_id)
            any_names_fits |= names_fits(job.settings)
        if numbers[0] in runs:
            texts.append((tuple(asked.jobs[numbers[0] - 1].overrides), plan.corpus.fingerprint))
    in_order = tuple(runs[number] for number in sorted(runs))
    ids = content_hash([run.run_id for run in in_order])
    files = {str(path) for job in asked.jobs for path in job.settings.resolved["plugins"].values()}
    made = PlannedSweep(
        id=f"{in_order[0].experiment if in_order else 'none'}-{ids[:8]}",
        results=ResultsFolder(next(iter(folders))),
        runs=in_order,
        plugins=tuple(sorted(files)),
        started_in=str(Path.cwd()),
        # what a run's name means may change, and a refusal is said again
        key=None if any_names_fits or refused else key,
        texts=tuple(texts),
    )
    return Planning(made, refused)
