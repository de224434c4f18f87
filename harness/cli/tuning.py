"""Command that searches for settings: tune."""

from __future__ import annotations

import shlex
from argparse import SUPPRESS, ArgumentParser, Namespace
from typing import TYPE_CHECKING

from harness.cli.command import Command, Needless, add_ends_with_stdin, add_overrides
from harness.common.terminal import announce_loading, say, say_table

if TYPE_CHECKING:
    from harness.runs.tuning.tune import Tuner

_TUNING = "experiment=tuning"


def _tune_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("-m", "--multirun", action=Needless, nargs=0, help=SUPPRESS)
    add_overrides(
        parser, "model=lstm,gru tune.trials=10 tune.searcher=tpe sweep.workers=2 (docs/tuning.md has them all)"
    )
    add_ends_with_stdin(parser)


def tune(arguments: Namespace) -> int:
    """`bakeoff tune`: the same number of trials for every family, then a table of the best."""
    from harness.config.overrides import refuse_repeated
    from harness.runs.sweep import command_settings, of_command
    from harness.runs.tuning.space import families
    from harness.workers.local_workers import end_with_stdin, num_workers
    from harness.workers.settings import SweepSettings

    refuse_repeated(arguments.overrides)
    named = any(override.split("=")[0] == "experiment" for override in arguments.overrides)
    overrides = arguments.overrides if named else [_TUNING, *arguments.overrides]
    settings, of_families = families(overrides)
    of_sweep = command_settings("sweep", SweepSettings, of_command(overrides))
    announce_loading()
    from harness.runs.tuning.tune import Tuner
    from harness.workers.trials import make_trials

    tuner = Tuner(settings, of_families)
    if arguments.ends_with_stdin:
        end_with_stdin()
        tuner.run()
        return 0
    try:
        tuner.check()
        workers = num_workers(of_sweep.workers, tuner.find())
        tuner.begin()
        if workers > 1:
            try:
                make_trials(tuner, ["tune", *overrides], workers)
            finally:
                tuner.find()
        tuner.run()
    finally:  # also after Ctrl-C
        if any(tuned.trials for tuned in tuner.tuned):
            _report(tuner)
    return 0 if all(tuned.best is not None for tuned in tuner.tuned) else 1


def _report(tuner: Tuner) -> None:
    """Write the tables, the plots and the best settings; print what they say."""
    from harness.config.options import quoted
    from harness.report.tuning import PAGE_FILE, report_tuning
    from harness.runs.tuning.best import write_best
    from harness.runs.tuning.trials import write_tables

    folder = tuner.folder
    write_tables(folder, [trial for tuned in tuner.tuned for trial in (*tuned.trials, *tuned.confirmations)])
    written = report_tuning(tuner.tuned, tuner.settings, folder)
    say_table(written.columns, written.rows, right=written.columns[1:-1])
    for caution in written.cautions:
        say(f"caution: {caution}")
    for tuned in tuner.tuned:
        if tuned.best is not None:
            path = folder / f"{tuned.family.name}.yaml"
            write_best(path, tuned, tuner.experiment_name)
            say(f"the best {tuned.family.name}: bakeoff run {shlex.quote(f'experiment={quoted(str(path))}')}")
    say(f"tuning: {folder / PAGE_FILE}")


COMMANDS = (
    Command(
        "tune",
        "try every family equally often with other settings, and choose each family's best on validation text",
        _tune_arguments,
        tune,
    ),
)
