"""Commands that make single runs: run, rescore."""

from __future__ import annotations

import logging
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cli.command import Command, add_overrides, add_plugins, add_run
from harness.cli.sweeps import print_notes, run_all
from harness.common import torchrun
from harness.common.errors import UserError
from harness.common.files import expanded
from harness.common.numerals import interval, number, sign
from harness.common.results_folder import TEXT_FOLDER, ResultsFolder
from harness.common.terminal import announce_loading, say

if TYPE_CHECKING:
    from harness.evaluation.metric import Metric
    from harness.runs.record import RunRecord
    from harness.runs.settings import RunSettings
    from harness.runs.tracking import Mirror
    from harness.training.workshop import Prepared

log = logging.getLogger("bakeoff")


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
    from harness.config.unused import refuse_unused

    refuse_repeated(arguments.overrides)
    if arguments.config_from is not None:
        return _run_one(_saved(arguments))
    if arguments.multirun:
        return run_all(arguments.overrides)
    composed = config.compose(arguments.overrides)
    refuse_unused(arguments.overrides, [composed])
    _tell_of_a_sweep(arguments.overrides)
    return _run_one(composed, arguments.overrides)


def _tell_of_a_sweep(overrides: Sequence[str]) -> None:
    """Say where the experiment has a sweep, of which one run takes no value."""
    picked = next((override for override in overrides if override.startswith("experiment=")), None)
    if picked is None:
        return
    from harness.runs.sweep import settings_of

    own = {override.partition("=")[0] for override in overrides}
    left_out = dict.fromkeys(each.key for each in settings_of(overrides) if each.key not in own)
    if left_out:
        log.warning(
            "%s sweeps %s, of which one run takes no value. `bakeoff run -m %s` makes all its runs",
            picked,
            ", ".join(left_out),
            picked,
        )


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


def rescore(arguments: Namespace) -> int:
    """`bakeoff rescore`: score a run's stored answers again."""
    from harness.runs import rescore as rescoring
    from harness.runs.lookup import find_run
    from harness.runs.tracking import Mirror

    with Mirror() as mirror:
        run = find_run(arguments.run, Path(arguments.results))
        record = rescoring.rescore(run, mirror)
    return _outcome(record, ResultsFolder(run.parent.parent))


def _run_one(composed: dict[str, Any], overrides: Sequence[str] = ()) -> int:
    from harness.runs.settings import refuse_solved_width, typed
    from harness.runs.tracking import Mirror
    from harness.training.workshop import Prepared

    if torchrun.rank() > 0:
        return _help_with(typed(composed))
    settings = typed(composed)
    refuse_solved_width(overrides, [settings])
    with Mirror() as mirror:
        record = _do(settings, Prepared(), mirror)
    return _outcome(record, ResultsFolder(settings.results_dir))


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


def _outcome(record: RunRecord, results: ResultsFolder) -> int:
    """Print a run's notes, status, main results and where to read what its evals without measures keep; returns the
    exit status."""
    print_notes([record])
    say(f"{record.run_id}: {record.outcome}{f' ({record.error})' if record.error else ''}")
    _print_headlines(record.metrics)
    told = {
        *(metric.eval for metric in record.metrics),
        *(failure.where.removeprefix("eval ") for failure in record.errors),
    }
    asked = record.evals if record.status != "failed" else {}
    for name in (name for name in asked if name not in told):
        file = results.run(record.experiment, record.run_id) / TEXT_FOLDER / f"{name}.txt"
        say(f"  {name}: texts to read in {file}" if file.is_file() else f"  {name}: the model wrote nothing")
    return 0 if record.status == "complete" else 1


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
    Command("run", "make one run, or with -m a sweep over comma lists", _run_arguments, run),
    Command(
        "rescore", "score a run's stored answers again, without the model, after a scorer changed", add_run, rescore
    ),
)
