"""Commands that read results and options: report, list; and fetch."""

from __future__ import annotations

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
    "ratings": "ratings",
    "preferences": "preference",
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


def _list_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("what", type=one_of(_LISTABLE), metavar="WHAT", help=", ".join(_LISTABLE))
    parser.add_argument(
        "filters",
        nargs="*",
        metavar="KEY=VALUE",
        help="of runs: only those with this status, family, model, decoding, seed, experiment, rewards, ratings or "
        "setting",
    )
    add_results(parser)


def list_(arguments: Namespace) -> int:
    """`bakeoff list`: the options of a group, each with one line about it; or the runs."""
    if wrong := [word for word in arguments.filters if arguments.what != "runs" or "=" not in word]:
        raise UserError(
            f"{wrong[0]!r} is not known here. `bakeoff list runs` takes filters, as status=failed or model=lstm,gru; "
            "the other lists take none."
        )
    if arguments.what == "runs":
        from harness.runs.listing import listed

        rows = [
            (
                f"{run.folder.parent.name}/{run.folder.name}",
                ", ".join(run.differs),
                run.status,
                run.headline,
                duration(time.time() - run.changed_at),
            )
            for run in listed(Path(arguments.results), arguments.filters)
        ]
        if not rows:
            like = f" like {' '.join(arguments.filters)}" if arguments.filters else ""
            say(
                f"no runs{like} in {arguments.results}. Make one with `bakeoff run`, or name a results folder with "
                "--results."
            )
            return 0
        say_table(("run", "differs in", "status", "result", "age"), rows)
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
    rows = [[str(value) for value in row] for row in written.table.itertuples(index=False)]
    dispensable = [name for name in ("training seconds", "parameters", "seeds") if name in names]
    say_table(names, rows, right=names[1:], dispensable=dispensable, elsewhere="the report has them")
    for caution in written.cautions:
        say(f"caution: {caution}")
    for page in written.pages:
        say(f"report: {page}")
    return not written.left_out


COMMANDS = (
    Command("report", "tables and plots from finished runs; never trains", _report_arguments, report),
    Command("list", "options to pick, or finished and unfinished runs", _list_arguments, list_),
    Command(
        "fetch",
        "download the plays for data=shakespeare into the cache (needs a network, once)",
        lambda parser: None,
        fetch,
    ),
)
