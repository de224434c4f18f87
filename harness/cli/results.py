"""Commands that read results and options: report, mirror, list; and fetch."""

from __future__ import annotations

import shlex
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path

from harness.cli.command import Command, add_results, one_of
from harness.common.durations import duration
from harness.common.errors import UserError
from harness.common.terminal import announce_loading, say, say_table

_GROUPS = {
    "models": "model",
    "tokenizers": "tokenizer",
    "data": "data",
    "formats": "format",
    "stages": "post",
    "rewards": "rewards",
    "decodings": "decoding",
    "evals": "evals",
    "experiments": "experiment",
}
_LISTABLE = (*_GROUPS, "runs")


def _report_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "what",
        nargs="*",
        default=[],
        metavar="WHAT",
        help="runs, experiments and results folders, by name or path; several make one report "
        "(default: all of results)",
    )
    parser.add_argument(
        "--out",
        metavar="DIR",
        help="the report's folder (default: EXPERIMENT/report; for several experiments, RESULTS/report)",
    )
    add_results(parser)


def report(arguments: Namespace) -> int:
    """`bakeoff report`: tables and plots from finished runs."""
    results = Path(arguments.results)
    folders = [reported(name, results) for name in arguments.what] or [results]
    everything_was_read = print_report(*folders, out=None if arguments.out is None else Path(arguments.out))
    return 0 if everything_was_read else 1


def reported(name: str, results: Path) -> Path:
    """The folder to report on: a path, the name of an experiment, or the name of a run."""
    from harness.common.results_folder import ResultsFolder
    from harness.runs.lookup import find_run

    if name and Path(name).exists():
        return Path(name)
    experiment = ResultsFolder(results).experiment(name)
    if name and experiment.is_dir():
        return experiment
    try:
        return find_run(name, results)
    except UserError as error:
        raise UserError(f"{name!r} is neither a folder nor an experiment in {results}. As a run: {error}") from None


def _mirror_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "words",
        nargs="+",
        metavar="RUN | tracking.KEY=VALUE",
        help="finished runs, and settings of the mirror, as tracking.mode=online tracking.project=mine",
    )
    add_results(parser)


def mirror(arguments: Namespace) -> int:
    """`bakeoff mirror`: send finished runs to wandb."""
    from harness.config import compose as config
    from harness.config.settings import build
    from harness.runs.folders import mirrored
    from harness.runs.lookup import find_run
    from harness.runs.record import RunRecord
    from harness.runs.tracking import OPTIONS, Mirror, Tracking

    overrides = [word for word in arguments.words if "=" in word]
    names = [word for word in arguments.words if "=" not in word]
    if foreign := [override for override in overrides if not override.startswith("tracking.")]:
        near = f" Did you mean tracking.{foreign[0]}?" if foreign[0].partition("=")[0] in OPTIONS else ""
        allowed = ", ".join(f"tracking.{name}" for name in OPTIONS)
        raise UserError(f"{foreign[0]} is not a setting of the mirror.{near} Allowed: {allowed}.")
    if not names:
        raise UserError("name at least one run, as in: bakeoff mirror @latest tracking.mode=online.")
    tracking = build(config.compose(["tracking=wandb", *overrides])["tracking"], Tracking, "tracking")
    runs = [find_run(name, Path(arguments.results)) for name in names]
    records = [RunRecord.read(run) for run in runs]
    status = 0
    with Mirror() as wandb:
        for run, record in zip(runs, records, strict=True):
            answer = mirrored(record, run, tracking, wandb).wandb
            warning = answer.get("warning")
            say(f"{record.run_id}: {warning or answer['url'] or _how_to_send(answer['run_id'], run)}")
            status = 1 if warning else status
    return status


def _how_to_send(wandb_id: str, run: Path) -> str:
    """What to do with a run that wandb wrote to disk. run: its folder."""
    from harness.common.results_folder import ResultsFolder

    [folder] = ResultsFolder.around(run).wandb.glob(f"offline-run-*-{wandb_id}")
    return f"written. To send it: wandb sync {shlex.quote(str(folder))}"


def _list_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("what", type=one_of(_LISTABLE), metavar="WHAT", help=", ".join(_LISTABLE))
    add_results(parser)


def list_(arguments: Namespace) -> int:
    """`bakeoff list`: the options of a group, each with one line about it; or the runs."""
    if arguments.what == "runs":
        from harness.runs.listing import listed

        rows = [
            (
                f"{run.folder.parent.name}/{run.folder.name}",
                ", ".join(run.differs),
                run.status,
                run.headline,
                f"{duration(time.time() - run.changed_at)} ago",
            )
            for run in listed(Path(arguments.results))
        ]
        if not rows:
            say(
                f"no runs in {arguments.results}. Make one with `bakeoff run`, or name a results folder with --results."
            )
            return 0
        say_table(("run", "differs in", "status", "result", "finished"), rows)
    else:
        from harness.config.options import option, options

        group = _GROUPS[arguments.what]
        shown = [(name, option(group, name)) for name in options(group)]
        say_table((f"{group}=", "what it is", "from"), [(name, choice.about, choice.source) for name, choice in shown])
    return 0


def fetch(arguments: Namespace) -> int:
    """`bakeoff fetch`: download the plays."""
    from harness.text.data.shakespeare import fetch_shakespeare

    say(f"the plays are in {fetch_shakespeare()}")
    return 0


def print_report(*results: Path, out: Path | None = None) -> bool:
    """Write a report; print its table, what to be cautious about, and the paths of its pages. Returns whether every run
    could be read."""
    announce_loading("pandas")
    from harness.report import write_report

    written = write_report(*results, out=out)
    names = [str(name) for name in written.table.columns]
    say_table(names, [[str(value) for value in row] for row in written.table.itertuples(index=False)], right=names[1:])
    for caution in written.cautions:
        say(f"caution: {caution}")
    for page in written.pages:
        say(f"report: {page}")
    return not written.left_out


COMMANDS = (
    Command("report", "tables and plots from finished runs; never trains", _report_arguments, report),
    Command("mirror", "send finished runs to wandb", _mirror_arguments, mirror),
    Command("list", "options to pick, or finished and unfinished runs", _list_arguments, list_),
    Command(
        "fetch",
        "download the plays for data=shakespeare into the cache (needs a network, once)",
        lambda parser: None,
        fetch,
    ),
)
