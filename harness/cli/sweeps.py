"""Commands that make many runs: compare, work; and the sweep of `run -m`."""

from __future__ import annotations

import logging
from argparse import SUPPRESS, ArgumentParser, Namespace
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.command import (
    Command,
    Needless,
    add_ends_with_stdin,
    add_overrides,
    add_plugins,
    add_results,
    whole_number,
)
from harness.common.errors import UserError
from harness.common.numerals import number, sign
from harness.common.results_folder import ResultsFolder, is_finished
from harness.common.terminal import say, say_table, warn

if TYPE_CHECKING:
    from harness.runs.record import RunRecord
    from harness.runs.settings import RunSettings
    from harness.runs.tracking import Mirror
    from harness.training.workshop import Prepared
    from harness.workers.planned import PlannedRun, PlannedSweep, Round
    from harness.workers.settings import Slurm, SweepSettings

log = logging.getLogger("bakeoff")

_MAIN_JOB = "experiment=families"
_NOT_FINISHED = "not finished"


def _compare_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("-m", "--multirun", action=Needless, nargs=0, help=SUPPRESS)
    add_overrides(parser)


def compare(arguments: Namespace) -> int:
    """`bakeoff compare`: the sweep of an experiment, then its report."""
    from harness.config.compose import compose
    from harness.config.overrides import refuse_repeated
    from harness.runs.settings import typed
    from harness.runs.sweep import expand
    from harness.runs.tracking import Mirror

    refuse_repeated(arguments.overrides)
    named = any(override.split("=")[0] == "experiment" for override in arguments.overrides)
    # at the end: what is wrong with the user's own words is said of these
    overrides = arguments.overrides if named else [*arguments.overrides, _MAIN_JOB]
    status = run_all(overrides)
    settings = typed(compose(expand(overrides)[0]))
    if ResultsFolder(settings.results_dir).experiment(settings.experiment_name).is_dir():
        with Mirror() as mirror:
            _report_on(settings, mirror)
    return status


def _report_on(settings: RunSettings, mirror: Mirror) -> None:
    """Write the report of these settings' experiment, and mirror it if it changed."""
    from harness.cli.results import print_report
    from harness.common.results_folder import report_of
    from harness.report import PAGE_FILE

    results = ResultsFolder(settings.results_dir)
    folder = results.experiment(settings.experiment_name)
    page = report_of(folder) / PAGE_FILE
    before = page.read_bytes() if page.exists() else None
    print_report(folder)
    # the same records give the same page, byte by byte
    if page.read_bytes() != before:
        mirror.report(settings.experiment_name, page.parent, settings.tracking, results)


def run_all(overrides: Sequence[str]) -> int:
    """Do the runs of a sweep that are missing, here or on a cluster; returns the exit status."""
    from harness.runs.sweep import command_settings, of_command
    from harness.training.workshop import Prepared
    from harness.workers.local_workers import num_workers
    from harness.workers.planned import planned
    from harness.workers.settings import Launcher, Slurm, SweepSettings

    own = of_command(overrides)  # told before a thousand runs are composed
    settings = command_settings("sweep", SweepSettings, own)
    launcher = command_settings("launcher", Launcher, own, "local")
    prepared = Prepared()
    planning = planned(overrides, prepared)
    sweep = planning.sweep
    for why in planning.refused.values():
        warn(f"bakeoff: {why}")
    missing = {run.number for run in sweep.runs} - sweep.complete()
    if not missing:
        log.info("all %d runs of sweep %s are complete; nothing to do", len(sweep.runs), sweep.id)
        return _ended(sweep, planning.num_runs, bool(planning.refused))
    sweep.write()
    start = sweep.begin_round(missing)
    if isinstance(launcher, Slurm):
        return _hand_to_slurm(sweep, start, launcher, settings)
    workers = num_workers(settings.workers, len(missing))
    refused: set[int] = set()
    status = 1
    try:
        refused = (
            _work_here(sweep, start, settings, prepared)
            if workers == 1
            else _work_with(workers, sweep, start, settings)
        )
    finally:  # also after Ctrl-C
        status = _ended(sweep, planning.num_runs, bool(planning.refused or refused))
    return status


def _hand_to_slurm(sweep: PlannedSweep, start: Round, launcher: Slurm, settings: SweepSettings) -> int:
    """Write the script of an array job, and submit it; returns the exit status."""
    from harness.workers.slurm import submit, write_script

    script = write_script(sweep, start, launcher, settings)
    if launcher.only_write:
        say(f"wrote {script}: submit it with sbatch")
        return 0
    say(f"submitted job {submit(script)} for {len(start.missing)} of {len(sweep.runs)} runs: {script}")
    say("give the same command without launcher=slurm to see what is done, and to do the rest here")
    return 0


def _ended(sweep: PlannedSweep, num_runs: int, was_refused: bool) -> int:
    """Print what became of each run; returns the exit status."""
    records = _records(sweep)
    _summarize(records, num_runs)
    if was_refused:
        return 2
    return 0 if all(record is not None and record.status == "complete" for record in records) else 1


def _work_here(sweep: PlannedSweep, start: Round, settings: SweepSettings, prepared: Prepared) -> set[int]:
    """Do a sweep's runs one after another in this process. Returns the numbers of those that were refused."""
    from harness.runs.tracking import Mirror
    from harness.workers import ledger
    from harness.workers.ledger import Ledger
    from harness.workers.progress import Progress
    from harness.workers.worker import Worker

    progress = Progress([run for run in sweep.runs if run.number in start.missing], start.name)
    seen = Ledger(sweep.workers)

    def begin(run: PlannedRun) -> None:
        for event in seen.news():
            progress.add(event)
        number = len(progress.ended) + 1
        log.info("run %d of %d%s", number, len(progress.runs), progress.time_left(1))

    with Mirror() as mirror:
        why_stopped = Worker(sweep, start, settings, prepared, mirror, begin=begin).work()
    if why_stopped:
        warn(f"bakeoff: {why_stopped}")
    for event in seen.news():
        progress.add(event)
    return {number for number, event in progress.ended.items() if event.outcome == ledger.REFUSED}


def _work_with(num_workers: int, sweep: PlannedSweep, start: Round, settings: SweepSettings) -> set[int]:
    """Do a sweep's runs with workers on this machine. Returns the numbers of those that were refused."""
    from harness.workers import ledger
    from harness.workers.display import Display
    from harness.workers.driver import Driver

    log.info("%d runs with %d workers: %s", len(start.missing), num_workers, sweep.folder)
    driver = Driver(sweep, start, settings, num_workers)
    with Display(num_workers) as display:
        driver.drive(display)
    for why in dict.fromkeys(driver.why_stopped):
        warn(f"bakeoff: {why}")
    return {number for number, event in driver.progress.ended.items() if event.outcome == ledger.REFUSED}


def _records(sweep: PlannedSweep) -> list[RunRecord | None]:
    """The record of each run; None where it isn't finished."""
    from harness.runs.record import RunRecord

    folders = [sweep.results.run(run.experiment, run.run_id) for run in sweep.runs]
    return [RunRecord.read(folder) if is_finished(folder) else None for folder in folders]


def _work_arguments(parser: ArgumentParser) -> None:
    add_plugins(parser)
    parser.add_argument(
        "sweep", metavar="SWEEP", help="a sweep: its experiment, the beginning of its id, or its folder"
    )
    add_results(parser)
    parser.add_argument(
        "--retry-failed", action="store_true", help="also do the runs that failed since the sweep's command was given"
    )
    parser.add_argument("--retries", type=whole_number(0), default=0, metavar="N", help="as sweep.retries (default: 0)")
    parser.add_argument("--fail-fast", action="store_true", help="as sweep.fail_fast=true")
    parser.add_argument("--name", help=SUPPRESS)
    parser.add_argument("--round", help=SUPPRESS)
    add_ends_with_stdin(parser)


def work(arguments: Namespace) -> int:
    """`bakeoff work`: a worker on a planned sweep."""
    from harness.workers.local_workers import end_with_stdin
    from harness.workers.settings import SweepSettings

    if arguments.ends_with_stdin:
        end_with_stdin()
    settings = SweepSettings(retries=arguments.retries, fail_fast=arguments.fail_fast)
    sweep = _find_sweep(arguments.sweep, Path(arguments.results))
    _refuse_unnamed(sweep, arguments.plugin)
    start = sweep.begin_round(sweep.not_complete()) if arguments.retry_failed else sweep.latest_round()
    if arguments.round not in (None, start.name):
        raise UserError(f"sweep {sweep.id} was started again since. Give its command again.")
    from harness.common.terminal import announce_loading
    from harness.runs.tracking import Mirror
    from harness.training.workshop import Prepared
    from harness.workers.worker import Worker

    announce_loading()
    with Mirror() as mirror:
        why_stopped = Worker(sweep, start, settings, Prepared(), mirror, arguments.name).work()
    if why_stopped:
        warn(f"bakeoff: {why_stopped}")
    records = _records(sweep)
    if not arguments.ends_with_stdin:
        _summarize(records, len(sweep.runs))
    return 0 if all(record is not None and record.status == "complete" for record in records) else 1


def _find_sweep(name: str, results: Path) -> PlannedSweep:
    """A sweep by its folder or the beginning of its id; of an experiment, the one that was started last. UserError
    where there is none, or several."""
    from harness.workers.planned import PlannedSweep, plan_file, round_file

    if plan_file(Path(name)).is_file():
        return PlannedSweep.read(Path(name))
    folders = sorted(path for path in ResultsFolder(results).sweeps.glob("*") if plan_file(path).is_file())
    of_experiment = [path for path in folders if path.name.rpartition("-")[0] == name and round_file(path).is_file()]
    if of_experiment:
        return PlannedSweep.read(max(of_experiment, key=lambda path: round_file(path).stat().st_mtime))
    matching = [path for path in folders if path.name.startswith(name)]
    if len(matching) != 1:
        there_is = ", ".join(path.name for path in matching or folders) or "none: `bakeoff run -m ...` makes one"
        raise UserError(
            f"{name!r} is the beginning of {'several sweeps' if matching else 'no sweep'} in {results}. There is: "
            f"{there_is}."
        )
    return PlannedSweep.read(matching[0])


def _refuse_unnamed(sweep: PlannedSweep, plugins: Sequence[str]) -> None:
    """UserError where a sweep uses plugin files that the user did not name: nothing is imported only because a file in
    a results folder names it."""
    from harness.config.plugins import SUFFIX

    named = {Path(file).resolve() for file in plugins}
    picked = [
        Path(sweep.started_in, value.strip("'\"[]"))
        for run in sweep.runs
        for override in run.overrides
        for value in override.partition("=")[2].split(",")
        if value.strip("'\"[]").endswith(SUFFIX)
    ]
    files = [file for file in dict.fromkeys([*map(Path, sweep.plugins), *picked]) if file.resolve() not in named]
    if files:
        flags = " ".join(f"--plugin {file}" for file in files)
        raise UserError(
            f"sweep {sweep.id} uses plugin files, and bakeoff imports only what you name: add {flags} (look at them "
            "first if you did not write them)."
        )


def print_notes(records: Sequence[RunRecord]) -> None:
    """Print each note once, with its run, or the number of runs that have it."""
    runs_of: dict[str, list[str]] = {}
    for record in records:
        for note in record.notes:
            runs_of.setdefault(note, []).append(record.run_id)
    for note, runs in runs_of.items():
        say(f"note on {runs[0] if len(runs) == 1 else f'{len(runs)} runs'}: {note}.")


def _summarize(records: Sequence[RunRecord | None], num_runs: int) -> None:
    """Print one row for each run, and the number of runs by status. None: a run that isn't finished."""
    from harness.runs.systems import differences_in_experiments

    finished = [record for record in records if record is not None]
    shown = [{metric.eval: metric for metric in record.headlines()} for record in finished]
    evals = list(dict.fromkeys(name for of_run in shown for name in of_run))
    measures = {name: next(of_run[name] for of_run in shown if name in of_run) for name in evals}
    shared = Counter(measure.metric for measure in measures.values())
    names = {
        name: f"{f'{name} ' * (shared[of.metric] > 1)}{of.metric}{',' * (of.unit == 'share')}{sign(of.unit)}".replace(
            "_", " "
        )
        for name, of in measures.items()
    }
    differs = [", ".join(of_run) for of_run in differences_in_experiments(finished)]
    rows = [
        (
            record.run_id,
            *([told_apart] if any(differs) else []),
            record.status,
            *("–" if name not in of_run else number(of_run[name].value, of_run[name].unit) for name in evals),
        )
        for record, of_run, told_apart in zip(finished, shown, differs, strict=True)
    ]
    print_notes(finished)
    if rows:
        told_apart_by = ["differs in"] if any(differs) else []
        say_table(("run", *told_apart_by, "status", *names.values()), rows, right=list(names.values()))
    counts = Counter(record.status for record in finished)
    counts[_NOT_FINISHED] = num_runs - len(finished)
    texts = ", ".join(f"{number} {status}" for status, number in counts.items() if number)
    say(f"{num_runs} {'run' if num_runs == 1 else 'runs'}: {texts}")


COMPARE = Command(
    "compare",
    "run every family on the same data and budget with all evals, then write the report",
    _compare_arguments,
    compare,
)
WORK = Command(
    "work",
    "do runs of a planned sweep, beside other workers, on any machine that sees its folder",
    _work_arguments,
    work,
)
