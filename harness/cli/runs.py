"""Commands that make runs, and look at many: compare, run, report, rescore, list, fetch."""

from __future__ import annotations

import dataclasses
import functools
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cli.command import Command, add_overrides, add_plugins, add_results, add_run
from harness.common.errors import UserError

if TYPE_CHECKING:
    from harness.evaluation.metric import Metric
    from harness.runs.record import RunRecord
    from harness.runs.settings import RunSettings
    from harness.runs.sweep import Sweep
    from harness.runs.tracking import Mirror
    from harness.training.workshop import Prepared

_COMPARE = "experiment=families"
_LISTABLE = ("models", "tokenizers", "data", "formats", "decodings", "evals", "experiments", "runs")
_NOT_FINISHED = "not finished"


def _run_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "-m", "--multirun", action="store_true", help="a sweep: one run for every combination of comma lists"
    )
    parser.add_argument(
        "--config-from",
        metavar="RUN",
        help="take the configuration of an earlier run (its id or folder); results_dir= says where it is looked for",
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
    """The configuration of the run that --config-from names, in the results folder that results_dir= says."""
    from harness.common.results_folder import CONFIG_FILE
    from harness.config import compose as config
    from harness.runs.lookup import find_run
    from harness.runs.record import check_config

    others = [override for override in arguments.overrides if not override.startswith("results_dir=")]
    if others or arguments.multirun:
        raise UserError(
            f"--config-from {arguments.config_from} takes the whole configuration of that run, so it allows neither "
            f"-m nor overrides but results_dir= (got {' '.join(others) or '-m'}). Leave them out."
        )
    results_dir = config.compose(arguments.overrides)["results_dir"]
    run = find_run(arguments.config_from, Path(results_dir).expanduser())
    check_config(run)
    saved = config.from_saved(run / CONFIG_FILE)
    return {**saved, "results_dir": results_dir} if arguments.overrides else saved


def compare(arguments: Namespace) -> int:
    """`bakeoff compare`: the sweep of an experiment, then the report over it."""
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
    """Write the report over the experiment that these settings belong to, and mirror it where it has changed."""
    from harness.common.results_folder import ResultsFolder, report_of
    from harness.report import PAGE_FILE

    results = ResultsFolder(settings.results_dir)
    folder = results.experiment(settings.experiment_name)
    page = report_of(folder) / PAGE_FILE
    before = page.read_bytes() if page.exists() else None
    _report(folder, None)
    # the same records give the same page, byte by byte
    if page.read_bytes() != before:
        mirror.report(settings.experiment_name, page.parent, settings.tracking, results)


def _report_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "results",
        nargs="?",
        default="results",
        metavar="RESULTS",
        help="a results, experiment or run folder (default: results)",
    )
    parser.add_argument("--out", metavar="DIR", help="where the report is written (default: RESULTS/report)")


def report(arguments: Namespace) -> int:
    """`bakeoff report`: tables and plots from what lies in a folder."""
    _report(Path(arguments.results), None if arguments.out is None else Path(arguments.out))
    return 0


def rescore(arguments: Namespace) -> int:
    """`bakeoff rescore`: score a run's stored answers again."""
    from harness.runs import rescore as rescoring
    from harness.runs.lookup import find_run
    from harness.runs.tracking import Mirror

    with Mirror() as mirror:
        return _outcome(rescoring.rescore(find_run(arguments.run, Path(arguments.results)), mirror))


def _list_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("what", choices=_LISTABLE)
    add_results(parser)


def list_(arguments: Namespace) -> int:
    """`bakeoff list`: options of a group with the first line of their description, or runs."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE)
    if arguments.what == "runs":
        from harness.runs.lookup import all_runs

        for column in ("run", "experiment", "status", "finished"):
            table.add_column(column, overflow="fold")
        for row in all_runs(Path(arguments.results)):
            table.add_row(*row)
    else:
        from harness.config.options import option, options

        group = {"data": "data", "evals": "evals"}.get(arguments.what, arguments.what.removesuffix("s"))
        for column in (f"{group}=", "what it is", "from"):
            table.add_column(column, overflow="fold")
        for name in options(group):
            found = option(group, name)
            table.add_row(name, found.about, found.source)
    Console().print(table)
    return 0


def fetch(arguments: Namespace) -> int:
    """`bakeoff fetch`: the plays, once."""
    from harness.text.data.shakespeare import fetch_shakespeare

    print(f"the plays are in {fetch_shakespeare()}")
    return 0


def _run_one(composed: dict[str, Any]) -> int:
    from harness.runs.settings import typed

    settings = typed(composed)  # before more is imported: a wrong value is told of at once
    from harness.runs.tracking import Mirror
    from harness.training.workshop import Prepared

    with Mirror() as mirror:
        return _outcome(_do(settings, Prepared(), mirror))


def _do(settings: RunSettings, prepared: Prepared, mirror: Mirror) -> RunRecord:
    from harness.runs.run import plan, run

    return run(plan(settings, prepared), mirror)


def _outcome(record: RunRecord) -> int:
    """Say what a run found; the exit status."""
    print(f"{record.run_id}: {record.status}{f' ({record.error})' if record.error else ''}")
    _print_headlines(record.metrics)
    return 0 if record.status == "complete" else 1


def _run_all(sweep: Sweep, mirror: Mirror, files: Sequence[str] = ()) -> int:
    """Do the runs of a sweep; the exit status. files: plugin files that the user named beside the overrides."""
    from harness.training.workshop import Prepared

    prepared = Prepared()
    if sweep.runs_here:
        statuses = []
        for job in sweep.jobs:
            with _said_of(job.overrides):
                statuses.append(_do(job.settings, prepared, mirror).status)
    else:
        from harness.runs.sweep import launch

        launch(sweep.overrides, functools.partial(_run_job, tuple(files)))
        # the jobs may have run in other processes, on other machines even: what became of them is in their folders
        statuses = [_recorded_status(job.settings, prepared) for job in sweep.jobs]
        if sweep.sweeper != "basic":  # which of the jobs it ran is its own choice
            statuses = [status for status in statuses if status != _NOT_FINISHED]
        print(", ".join(f"{number} {status}" for status, number in Counter(statuses).items()))
    return 0 if statuses and all(status == "complete" for status in statuses) else 1


def _run_job(files: Sequence[str], overrides: list[str]) -> None:
    """One run of a sweep, in whatever process a launcher has for it."""
    from harness.config import plugins
    from harness.config.compose import compose
    from harness.runs.settings import typed
    from harness.runs.tracking import Mirror
    from harness.training.workshop import Prepared

    plugins.load(files)  # the process may not have met them yet
    with _said_of(overrides), Mirror() as mirror:
        _do(typed(compose(overrides)), Prepared(), mirror)


@contextmanager
def _said_of(overrides: Sequence[str]) -> Iterator[None]:
    """A UserError in this block says which run of the sweep it is about."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{error} (in {' '.join(overrides)})") from None


def _recorded_status(settings: RunSettings, prepared: Prepared) -> str:
    """What the record of a run that another process did says."""
    from harness.common.results_folder import is_finished
    from harness.runs.record import RunRecord
    from harness.runs.run import plan

    # the device has no part in which run it is, and may be there on other machines only
    folder = plan(dataclasses.replace(settings, device="cpu"), prepared).folder
    return RunRecord.read(folder).status if is_finished(folder) else _NOT_FINISHED


def _report(results: Path, out: Path | None) -> None:
    from harness.report import write_report

    made = write_report(results, out)
    print(made.table.to_string(index=False))
    for page in made.pages:
        print(f"report: {page}")


def _print_headlines(metrics: Sequence[Metric]) -> None:
    shown = [metric for metric in metrics if metric.slice == "all" and metric.value is not None]
    eval_width = max((len(metric.eval) for metric in shown), default=0)
    name_width = max((len(metric.metric) for metric in shown), default=0)
    for metric in shown:
        interval = "" if metric.ci_low is None else f"  [{metric.ci_low:.4g}, {metric.ci_high:.4g}]"
        print(
            f"  {metric.eval:<{eval_width}} {metric.metric:<{name_width}} "
            f"{metric.value:10.4f} {metric.unit}{interval}  n={metric.n}/{metric.n_total}"
        )


COMMANDS = (
    Command("compare", "every family on the same data and budget, all evals, then the report", add_overrides, compare),
    Command("run", "one run, or with -m a sweep over comma lists", _run_arguments, run),
    Command("report", "tables and plots from finished runs; never trains", _report_arguments, report),
    Command(
        "rescore", "score a run's stored answers again, without the model, after a scorer changed", add_run, rescore
    ),
    Command("list", "what can be picked, or what has been run", _list_arguments, list_),
    Command(
        "fetch",
        "download the plays for data=shakespeare into the cache (needs a network, once)",
        lambda parser: None,
        fetch,
    ),
)
