"""Commands that make runs: compare, run, rescore."""

from __future__ import annotations

import dataclasses
import functools
import logging
import time
from argparse import SUPPRESS, ArgumentParser, Namespace
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cli.command import Command, Needless, add_overrides, add_plugins, add_run
from harness.common import torchrun
from harness.common.durations import duration
from harness.common.errors import UserError
from harness.common.files import expanded
from harness.common.numerals import interval, number, sign
from harness.common.terminal import announce_loading, say, say_table, warn

if TYPE_CHECKING:
    from harness.evaluation.metric import Metric
    from harness.runs.record import RunRecord
    from harness.runs.settings import RunSettings
    from harness.runs.sweep import Sweep
    from harness.runs.tracking import Mirror
    from harness.training.workshop import Prepared

log = logging.getLogger("bakeoff")

_COMPARE = "experiment=families"
_NOT_FINISHED = "not finished"


def _run_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "-m", "--multirun", action="store_true", help="make a sweep: one run for every combination of comma lists"
    )
    parser.add_argument(
        "--config-from",
        metavar="RUN",
        help="repeat the configuration of an earlier run (id or folder); results_dir= names the folder to look in",
    )
    add_plugins(parser)
    add_overrides(parser)


def run(arguments: Namespace) -> int:
    """`bakeoff run`: one run, or a sweep."""
    from harness.config import compose as config
    from harness.config.overrides import refuse_repeated

    refuse_repeated(arguments.overrides)
    if arguments.config_from is not None:
        return _run_one(_saved(arguments))
    if arguments.multirun:
        from harness.runs.sweep import sweep
        from harness.runs.tracking import Mirror

        with Mirror() as mirror:
            return _run_all(sweep(arguments.overrides), mirror, arguments.plugin)
    return _run_one(config.compose(arguments.overrides))


def _saved(arguments: Namespace) -> dict[str, Any]:
    """The configuration of the run that --config-from names, looked up in the folder of results_dir=."""
    from harness.common.results_folder import CONFIG_FILE
    from harness.config import compose as config
    from harness.runs.lookup import find_run
    from harness.runs.record import check_config

    others = [override for override in arguments.overrides if not override.startswith("results_dir=")]
    if others or arguments.multirun:
        raise UserError(
            f"--config-from {arguments.config_from} repeats the whole configuration of that run, so -m and overrides "
            f"are not allowed, except results_dir= (got {' '.join(others) or '-m'}). Leave them out."
        )
    results_dir = config.compose(arguments.overrides)["results_dir"]
    run = find_run(arguments.config_from, expanded(results_dir))
    check_config(run)
    saved = config.from_saved(run / CONFIG_FILE)
    return {**saved, "results_dir": results_dir} if arguments.overrides else saved


def _compare_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("-m", "--multirun", action=Needless, nargs=0, help=SUPPRESS)
    add_overrides(parser)


def compare(arguments: Namespace) -> int:
    """`bakeoff compare`: the sweep of an experiment, then its report."""
    from harness.config.overrides import refuse_repeated
    from harness.runs.sweep import sweep
    from harness.runs.tracking import Mirror

    refuse_repeated(arguments.overrides)
    named = any(override.split("=")[0] == "experiment" for override in arguments.overrides)
    compared = sweep(arguments.overrides if named else [_COMPARE, *arguments.overrides])
    with Mirror() as mirror:
        status = _run_all(compared, mirror)
        _report_on(compared.jobs[0].settings, mirror)
    return status


def _report_on(settings: RunSettings, mirror: Mirror) -> None:
    """Write the report of these settings' experiment, and mirror it if it changed."""
    from harness.cli.results import print_report
    from harness.common.results_folder import ResultsFolder, report_of
    from harness.report import PAGE_FILE

    results = ResultsFolder(settings.results_dir)
    folder = results.experiment(settings.experiment_name)
    page = report_of(folder) / PAGE_FILE
    before = page.read_bytes() if page.exists() else None
    print_report(folder)
    # the same records give the same page, byte by byte
    if page.read_bytes() != before:
        mirror.report(settings.experiment_name, page.parent, settings.tracking, results)


def rescore(arguments: Namespace) -> int:
    """`bakeoff rescore`: score a run's stored answers again."""
    from harness.runs import rescore as rescoring
    from harness.runs.lookup import find_run
    from harness.runs.tracking import Mirror

    with Mirror() as mirror:
        return _outcome(rescoring.rescore(find_run(arguments.run, Path(arguments.results)), mirror))


def _run_one(composed: dict[str, Any]) -> int:
    from harness.runs.settings import typed
    from harness.runs.tracking import Mirror
    from harness.training.workshop import Prepared

    if torchrun.rank() > 0:
        return _help_with(typed(composed))
    with Mirror() as mirror:
        return _outcome(_do(typed(composed), Prepared(), mirror))


def _do(settings: RunSettings, prepared: Prepared, mirror: Mirror) -> RunRecord:
    from harness.runs.plan import plan

    announce_loading()
    planned = plan(settings, prepared)  # before more is imported: what can't be run is told of at once
    from harness.runs.run import run

    return run(planned, mirror)


def _help_with(settings: RunSettings) -> int:
    """In another process than the first that torchrun started; returns the exit status. Errors are said by the
    first."""
    from harness.runs.plan import plan
    from harness.training.workshop import Prepared

    log.setLevel(logging.ERROR)
    planned = plan(settings, Prepared())
    from harness.runs.run import help_with

    try:
        help_with(planned)
    except Exception:
        return 1
    return 0


def _outcome(record: RunRecord) -> int:
    """Print a run's notes, status and main results; returns the exit status."""
    _print_notes([record])
    say(f"{record.run_id}: {record.outcome}{f' ({record.error})' if record.error else ''}")
    _print_headlines(record.metrics)
    return 0 if record.status == "complete" else 1


def _run_all(sweep: Sweep, mirror: Mirror, files: Sequence[str] = ()) -> int:
    """Do the runs of a sweep; returns the exit status. files: plugin files from the command line."""
    from harness.runs.folders import now
    from harness.training.workshop import Prepared

    prepared = Prepared()
    records: list[RunRecord | None] = []
    was_refused = False
    if sweep.runs_here:
        time_left = _TimeLeft(sweep)
        try:
            for job in sweep.jobs:
                log.info("run %d of %d%s", len(records) + 1, len(sweep.jobs), time_left.text(len(records)))
                began, began_at, began_seconds = time.monotonic(), now(), time.time()
                try:
                    with _said_of(job.overrides):
                        records.append(record := _do(job.settings, prepared, mirror))
                except UserError as error:  # the other runs may still be possible
                    warn(f"bakeoff: {error}")
                    records.append(None)
                    was_refused = True
                    continue
                if record.finished_at >= began_at:
                    time_left.add(time.monotonic() - began, made_fit=_fitted_since(began_seconds, job.settings, record))
        finally:  # also after Ctrl-C
            _summarize(records, len(sweep.jobs))
    else:
        from harness.runs.sweep import launch

        launch(sweep.overrides, functools.partial(_run_job, tuple(files)))
        # the jobs may have run in other processes or on other machines, so their records are read from disk
        records = [_recorded(job.settings, prepared) for job in sweep.jobs]
        if sweep.sweeper != "basic":  # it chooses itself which jobs it runs
            records = [record for record in records if record is not None]
        _summarize(records, len(records))
    if was_refused:
        return 2
    return 0 if records and all(record and record.status == "complete" for record in records) else 1


class _TimeLeft:
    """Estimates how long the rest of a sweep takes, from the runs so far. Runs that make a fit take longer than those
    that use one of an earlier run."""

    def __init__(self, sweep: Sweep) -> None:
        runs = [job.settings for job in sweep.jobs]
        fits = [(run.model, run.tokenizer, run.data, run.training, run.budget, run.seed) for run in runs]
        self._makes_fit = [fit not in fits[:number] for number, fit in enumerate(fits)]
        self._seconds: dict[bool, list[float]] = {True: [], False: []}

    def add(self, seconds: float, made_fit: bool) -> None:
        """Add a run that wasn't finished before the sweep."""
        self._seconds[made_fit].append(seconds)

    def text(self, num_done: int) -> str:
        """', about 3 min left', or '' where no run so far is of the kind of one that is left."""
        means = {made_fit: sum(of_kind) / len(of_kind) for made_fit, of_kind in self._seconds.items() if of_kind}
        if True not in means and False in means:  # the fits are there from an earlier sweep
            means[True] = means[False]
        left = self._makes_fit[num_done:]
        return f", about {duration(sum(means[kind] for kind in left))} left" if {*left} <= means.keys() else ""


def _fitted_since(began: float, settings: RunSettings, record: RunRecord) -> bool:
    """Whether a run's fit was made after a time (in seconds since 1970)."""
    from harness.common.results_folder import FIT_FILE, ResultsFolder

    path = ResultsFolder(settings.results_dir).fit(record.fit_id) / FIT_FILE
    return path.exists() and path.stat().st_mtime >= began


def _print_notes(records: Sequence[RunRecord]) -> None:
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
    names = {name: f"{name} {of.metric}{',' * (of.unit == 'share')}{sign(of.unit)}" for name, of in measures.items()}
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
    _print_notes(finished)
    if rows:
        told_apart_by = ["differs in"] if any(differs) else []
        say_table(("run", *told_apart_by, "status", *names.values()), rows, right=list(names.values()))
    counts = Counter(record.status for record in finished)
    counts[_NOT_FINISHED] = num_runs - len(finished)
    texts = ", ".join(f"{number} {status}" for status, number in counts.items() if number)
    say(f"{num_runs} {'run' if num_runs == 1 else 'runs'}: {texts}")


def _run_job(files: Sequence[str], overrides: list[str]) -> None:
    """Do one run of a sweep, in a process of the launcher."""
    from harness.config import plugins
    from harness.config.compose import compose
    from harness.runs.settings import typed
    from harness.runs.tracking import Mirror
    from harness.training.workshop import Prepared

    plugins.load(files)  # a new process hasn't loaded them yet
    with _said_of(overrides), Mirror() as mirror:
        _do(typed(compose(overrides)), Prepared(), mirror)


@contextmanager
def _said_of(overrides: Sequence[str]) -> Iterator[None]:
    """Add the run's overrides to the message of a UserError in this block."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{error} (in {' '.join(overrides)})") from None


def _recorded(settings: RunSettings, prepared: Prepared) -> RunRecord | None:
    """The record of a run that another process did; None where it isn't finished."""
    from harness.common.results_folder import is_finished
    from harness.runs.plan import plan
    from harness.runs.record import RunRecord

    # the run's id doesn't depend on the device, which may exist only on another machine
    folder = plan(dataclasses.replace(settings, device="cpu"), prepared).folder
    return RunRecord.read(folder) if is_finished(folder) else None


def _print_headlines(metrics: Sequence[Metric]) -> None:
    shown = [metric for metric in metrics if metric.slice == "all" and metric.value is not None]
    eval_width = max((len(metric.eval) for metric in shown), default=0)
    name_width = max((len(metric.metric) for metric in shown), default=0)
    for metric in shown:
        around = interval(metric.ci_low, metric.ci_high, metric.unit)
        say(
            f"  {metric.eval:<{eval_width}} {metric.metric:<{name_width}} {number(metric.value, metric.unit):>9}"
            f"{sign(metric.unit) or f' {metric.unit}'}{f'  {around}' * bool(around)}  n={metric.n}/{metric.n_total}"
        )


COMMANDS = (
    Command(
        "compare",
        "run every family on the same data and budget with all evals, then write the report",
        _compare_arguments,
        compare,
    ),
    Command("run", "make one run, or with -m a sweep over comma lists", _run_arguments, run),
    Command(
        "rescore", "score a run's stored answers again, without the model, after a scorer changed", add_run, rescore
    ),
)
