"""Commands that make runs, and look at many: run, compare, report, rescore, list, fetch."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.common.errors import UserError

if TYPE_CHECKING:
    from harness.evaluation.metric import Metric
    from harness.runs.record import RunRecord

_COMPARE = "experiment=families"


def run(options: Namespace) -> int:
    """`bakeoff run`: one run, or a sweep."""
    from harness.config import compose as config

    if options.config_from is not None:
        if options.overrides or options.multirun:
            raise UserError(
                f"--config-from {options.config_from} takes the whole configuration of that run, so it "
                "allows neither -m nor "
                f"overrides (got {' '.join(options.overrides) or '-m'}). Leave them out."
            )
        from harness.runs.lookup import find_run

        composed = config.from_saved(find_run(options.config_from, Path("results")) / "config.yaml")
        return _run_one(composed)
    if options.multirun:
        return _sweep(options.overrides, options.plugin)
    return _run_one(config.compose(options.overrides))


def compare(options: Namespace) -> int:
    """`bakeoff compare`: the sweep of an experiment, then the report over it."""
    from harness.runs import sweep

    named = any(override.split("=")[0] == "experiment" for override in options.overrides)
    overrides = options.overrides if named else [_COMPARE, *options.overrides]
    first, *_ = sweep.check(overrides)
    status = _sweep(overrides)

    from harness.config import compose as config
    from harness.runs.settings import typed

    settings = typed(config.compose(first))
    folder = settings.results_dir / settings.experiment_name
    page = folder / "report" / "report.html"
    before = page.read_bytes() if page.exists() else None
    _report(folder, None)
    # the same records give the same page, byte by byte
    if page.read_bytes() != before:
        from harness.runs.tracking import mirror_report

        mirror_report(settings.experiment_name, folder / "report", settings.tracking, settings.results_dir)
    return status


def report(options: Namespace) -> int:
    """`bakeoff report`: tables and plots from what lies in a folder."""
    _report(Path(options.results), None if options.out is None else Path(options.out))
    return 0


def rescore(options: Namespace) -> int:
    """`bakeoff rescore`: score a run's stored answers again."""
    from harness.runs.lookup import find_run
    from harness.runs.rescore import rescore as do

    record = do(find_run(options.run, Path(options.results)))
    return _told(record)


def list_(options: Namespace) -> int:
    """`bakeoff list`: options of a group with the first line of their description, or runs."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE)
    if options.what == "runs":
        from harness.runs.lookup import all_runs

        for column in ("run", "experiment", "status", "finished"):
            table.add_column(column, overflow="fold")
        for row in all_runs(Path(options.results)):
            table.add_row(*row)
    else:
        from harness.config.options import option
        from harness.config.options import options as names

        group = {"data": "data", "evals": "evals"}.get(options.what, options.what.removesuffix("s"))
        for column in (f"{group}=", "what it is", "from"):
            table.add_column(column, overflow="fold")
        for name in names(group):
            found = option(group, name)
            table.add_row(name, found.about, found.source)
    Console().print(table)
    return 0


def fetch(options: Namespace) -> int:
    """`bakeoff fetch`: the plays, once."""
    from harness.text.data.shakespeare import fetch_shakespeare

    print(f"the plays are in {fetch_shakespeare()}")
    return 0


def _run_one(composed: dict[str, Any]) -> int:
    from harness.runs.run import run as do
    from harness.runs.settings import typed

    return _told(do(typed(composed)))


def _told(record: RunRecord) -> int:
    """Say what a run found; the exit status."""
    print(f"{record.run_id}: {record.status}{f' ({record.error})' if record.error else ''}")
    _print_headlines(record.metrics)
    return 0 if record.status == "complete" else 1


def _sweep(overrides: list[str], files: Sequence[str] = ()) -> int:
    """files: plugin files that the user named beside the overrides."""
    from harness.config import compose as config
    from harness.config import plugins
    from harness.runs import sweep

    statuses: list[str] = []
    refused: list[UserError] = []

    def job(own: list[str]) -> None:
        from harness.runs.run import run as do
        from harness.runs.settings import typed

        # after one refusal the rest of the sweep would only bury the message
        if refused:
            return
        plugins.load(files)  # a launcher's job may run in a process that has not met them yet
        try:
            statuses.append(do(typed(config.compose(own))).status)
        except UserError as error:
            refused.append(UserError(f"{error} (in {' '.join(own)})"))

    sweep.launch(overrides, job)
    if refused:
        raise refused[0]
    return 0 if all(status == "complete" for status in statuses) else 1


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
