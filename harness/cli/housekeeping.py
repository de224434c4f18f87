"""Commands that keep house: remove, du."""

from __future__ import annotations

import contextlib
import sys
from argparse import ArgumentParser, Namespace
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.command import RUN_HELP, Command, add_results
from harness.common.errors import UserError
from harness.common.files import expanded
from harness.common.plurals import many
from harness.common.terminal import say, say_table

if TYPE_CHECKING:
    from harness.common.results_folder import ResultsFolder
    from harness.runs.housekeeping import Item
    from harness.workers.planned import PlannedSweep

_SUMMED = ("answers", "scores")
"""Kinds of which there are many: the list has only their sizes."""
_UNITS = ("B", "kB", "MB", "GB", "TB")


def _remove_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("what", nargs="+", metavar="RUN | EXPERIMENT", help=f"an experiment, or {RUN_HELP}")
    parser.add_argument("--yes", action="store_true", help="don't ask")
    add_results(parser)


def remove(arguments: Namespace) -> int:
    """`bakeoff remove`: delete runs, and what only they needed, after a list and a yes."""
    from harness.common.results_folder import ResultsFolder
    from harness.runs import housekeeping
    from harness.runs.lookup import find_run

    results = ResultsFolder(Path(arguments.results))
    runs: list[Path] = []
    experiments: list[Path] = []
    for name in arguments.what:
        folder = _experiment(name, results)
        if housekeeping.is_experiment(folder, results):
            experiments.append(folder)
        else:
            runs.append(find_run(name, results.path))
    items = housekeeping.removable(runs, results, experiments)
    _say_items(items)
    if not arguments.yes:
        if not sys.stdin.isatty():
            raise UserError("nothing was removed: there is no terminal to ask on. Add --yes to remove these.")
        say("Remove them? They can't be brought back. Type yes: ", end="", flush=True)
        if sys.stdin.readline().strip().lower() != "yes":
            say("nothing was removed")
            return 0
    sweeps = _sweeps_of([item.path for item in items if item.kind == "run"], results)
    housekeeping.remove(items)
    housekeeping.remove(
        housekeeping.Item(sweep.folder, "sweep", 0)
        for sweep in sweeps
        if not any(results.run(run.experiment, run.run_id).exists() for run in sweep.runs)
    )
    housekeeping.remove(housekeeping.Item(folder, "experiment", 0) for folder in experiments)
    counts = Counter(item.kind for item in items)
    removed = ", ".join(many(counts[kind], kind) for kind in ("run", "fit"))
    say(f"removed {removed}: {_in_bytes(sum(item.num_bytes for item in items))}")
    return 0


def _experiment(name: str, results: ResultsFolder) -> Path:
    """The folder of an experiment, by its name or its path; it may not exist."""
    path = expanded(name).resolve()
    return results.experiment(path.name if path.parent == results.path.resolve() else name)


def _sweeps_of(runs: list[Path], results: ResultsFolder) -> list[PlannedSweep]:
    """The sweeps that these runs are part of."""
    from harness.workers.planned import PlannedSweep

    sweeps = []
    for folder in results.sweeps.glob("*"):
        with contextlib.suppress(UserError):
            sweeps.append(PlannedSweep.read(folder))
    names = {(run.parent.name, run.name) for run in runs}
    return [sweep for sweep in sweeps if any((run.experiment, run.run_id) in names for run in sweep.runs)]


def _say_items(items: list[Item]) -> None:
    say_table(
        ("what", "kind", "size"),
        [(str(item.path), item.kind, _in_bytes(item.num_bytes)) for item in items if item.kind not in _SUMMED],
        right=("size",),
    )
    others = Counter[str]()
    for item in items:
        if item.kind in _SUMMED:
            others[item.kind] += item.num_bytes
    if others:
        say("and, since nothing else needs them: " + ", ".join(f"{kind}, {_in_bytes(n)}" for kind, n in others.items()))


def _du_arguments(parser: ArgumentParser) -> None:
    add_results(parser)


def du(arguments: Namespace) -> int:
    """`bakeoff du`: what results take on the disk."""
    from harness.runs.housekeeping import usage

    rows = usage(Path(arguments.results))
    total = sum(num_bytes for _, _, num_bytes in rows)
    shown = [(name, content, _in_bytes(num_bytes)) for name, content, num_bytes in rows]
    say_table(("folder", "content", "size"), [*shown, ("all", "", _in_bytes(total))], right=("size",))
    return 0


def _in_bytes(number: float) -> str:
    """As '12.3 MB'."""
    for unit in _UNITS:
        if number < 1000 or unit == _UNITS[-1]:
            break
        number /= 1000
    return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"


COMMANDS = (
    Command("remove", "delete runs and what only they needed, after a list and a yes", _remove_arguments, remove),
    Command("du", "what results take on the disk", _du_arguments, du),
)
