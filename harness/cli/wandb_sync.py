"""The command that sends finished runs to wandb: wandb-sync."""

from __future__ import annotations

import shlex
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.command import Command, add_results
from harness.cli.results import reported
from harness.common.errors import UserError
from harness.common.plurals import many
from harness.common.results_folder import ResultsFolder, is_finished, runs_below
from harness.common.terminal import say

if TYPE_CHECKING:
    from harness.runs.record import RunRecord
    from harness.runs.tracking import Tracking


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "words",
        nargs="*",
        metavar="WHAT | tracking.KEY=VALUE",
        help="runs, experiments and results folders, by name or path (default: all of results), and settings of "
        "tracking, as tracking.project=mine; tracking.mode=offline writes files for `wandb sync`",
    )
    add_results(parser)


def wandb_sync(arguments: Namespace) -> int:
    """`bakeoff wandb-sync`: send those finished runs to wandb that are not there yet."""
    from harness.runs.folders import mirrored
    from harness.runs.record import RunRecord
    from harness.runs.tracking import Mirror

    tracking = _tracking([word for word in arguments.words if "=" in word])
    runs = _runs([word for word in arguments.words if "=" not in word], Path(arguments.results))
    records = [(run, RunRecord.read(run)) for run in runs]
    finished = [(run, record) for run, record in records if record.status != "failed"]
    to_send = [(run, record) for run, record in finished if not _is_there(record, tracking)]
    status = 0
    with Mirror() as wandb:
        for run, record in to_send:
            answer = mirrored(record, run, tracking, wandb).wandb
            warning = answer.get("warning")
            say(f"{record.run_id}: {warning or answer['url'] or _how_to_send(answer['run_id'], run)}")
            if warning:
                status = 1
                break
    if num_there := len(finished) - len(to_send):
        say(f"{many(num_there, 'run')} had been {'written' if tracking.mode == 'offline' else 'sent'} before.")
    if num_failed := len(records) - len(finished):
        say(f"{many(num_failed, 'failed run')} left out.")
    return status


def _tracking(overrides: Sequence[str]) -> Tracking:
    """The settings of tracking. UserError where another setting is named."""
    from harness.config import compose as config
    from harness.config.settings import build
    from harness.runs.tracking import OPTIONS, Tracking

    if foreign := [override for override in overrides if not override.startswith("tracking.")]:
        near = f" Did you mean tracking.{foreign[0]}?" if foreign[0].partition("=")[0] in OPTIONS else ""
        allowed = ", ".join(f"tracking.{name}" for name in OPTIONS)
        raise UserError(f"{foreign[0]} is not a setting of tracking.{near} Allowed: {allowed}.")
    composed = config.compose(["tracking=wandb", "tracking.mode=online", *overrides])["tracking"]
    tracking = build(composed, Tracking, "tracking")
    if tracking.mode == "disabled":
        raise UserError("tracking.mode=disabled sends nothing. Allowed here: online, offline.")
    return tracking


def _runs(names: Sequence[str], results: Path) -> list[Path]:
    """The folders of the finished runs that are named, each once. UserError where there is none."""
    folders = [reported(name, results) for name in names] or [results]
    runs = {run.resolve(): run for folder in folders if folder.is_dir() for run in runs_below(folder)}
    finished = [run for run in runs.values() if is_finished(run)]
    if not finished:
        raise UserError(
            f"no finished run in {', '.join(map(str, folders))}. Make one with `bakeoff run`, or name another folder "
            "with --results."
        )
    return finished


def _is_there(record: RunRecord, tracking: Tracking) -> bool:
    """Whether wandb has the run: online, or for offline at least as files."""
    return record.wandb.get("run_id" if tracking.mode == "offline" else "url") is not None


def _how_to_send(wandb_id: str, run: Path) -> str:
    """What to do with a run that wandb wrote to disk. run: its folder."""
    [folder] = ResultsFolder.around(run).wandb.glob(f"offline-run-*-{wandb_id}")
    return f"written. To send it: wandb sync {shlex.quote(str(folder))}"


COMMANDS = (Command("wandb-sync", "send those finished runs to wandb that are not there yet", _arguments, wandb_sync),)
