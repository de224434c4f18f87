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
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.common.errors import UserError
from harness.common.files import make_folder, write_bytes, write_json
from harness.common.results_folder import RUN_FILE, ResultsFolder
from harness.common.sealed import Damaged, read_object
from harness.config.identity import content_hash, identity
from harness.runs.complete import complete_record
from harness.runs.plan import plan_evals
from harness.runs.sweep import Sweep
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
        command = {"version": _VERSION, "plugins": self.plugins, "started_in": self.started_in}
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
            results = ResultsFolder(folder.absolute().parent.parent)
            return cls(folder.name, results, runs, tuple(command["plugins"]), command["started_in"])
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
    """What became of a command line: the sweep, and the runs that can't be done."""

    sweep: PlannedSweep
    complete: frozenset[int]
    """The numbers of the runs that are complete."""
    refused: Mapping[int, str]
    """By number: why a run can't be done."""


def planned(sweep: Sweep, prepared: Prepared) -> Planning:
    """Plan the runs of a command line. UserError where its runs lie in several results folders."""
    folders = {job.settings.results_dir for job in sweep.jobs}
    if len(folders) > 1:
        raise UserError(
            f"results_dir has several values ({', '.join(map(str, sorted(folders)))}), but a sweep has one results "
            "folder. Make a sweep for each."
        )
    by_data: dict[str, list[int]] = defaultdict(list)  # a corpus is loaded once, however the runs are ordered
    for number, job in enumerate(sweep.jobs, start=1):
        by_data[content_hash(identity(job.settings.data))].append(number)
    runs, complete, refused = {}, set(), {}
    for numbers in by_data.values():
        for number in numbers:
            job = sweep.jobs[number - 1]
            try:
                plan = plan_evals(job.settings, prepared)
            except UserError as error:
                refused[number] = f"{error} (in {' '.join(job.overrides)})"
                continue
            runs[number] = PlannedRun(number, tuple(job.overrides), plan.experiment, plan.run_id, plan.fit_id)
            if complete_record(plan) is not None:
                complete.add(number)
    in_order = tuple(runs[number] for number in sorted(runs))
    ids = content_hash([run.run_id for run in in_order])
    name = f"{in_order[0].experiment if in_order else 'none'}-{ids[:8]}"
    results = ResultsFolder(next(iter(folders)))
    files = {str(path) for job in sweep.jobs for path in job.settings.resolved["plugins"].values()}
    return Planning(
        PlannedSweep(name, results, in_order, tuple(sorted(files)), str(Path.cwd())),
        frozenset(complete),
        refused,
    )
