"""Commands for plugin authors: new, check."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.cli.command import Command, add_overrides, one_of
from harness.common.terminal import say, warn
from harness.plugin_kit.outcome import Outcome

_KINDS = ("eval", "model", "decoding")


def outcomes_of(kind: str, name: str, overrides: Sequence[str]) -> Iterator[Outcome]:
    """The outcomes of every check of an 'eval', a 'model' or a 'decoding'.

    name: an option of its group, or a file. UserError where there is none; PluginError where its code fails.
    """
    if kind == "eval":
        from harness.plugin_kit.check_eval import check_eval

        return check_eval(name, overrides)
    if kind == "model":
        from harness.plugin_kit.check_model import check_model

        return check_model(name, overrides)
    from harness.plugin_kit.check_decoding import check_decoding

    return check_decoding(name, overrides)


def _new_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("kind", type=one_of(_KINDS), metavar="KIND", help=", ".join(_KINDS))
    parser.add_argument("name", metavar="NAME", help="what to call it, as my_eval")
    parser.add_argument("--folder", default=".", metavar="DIR", help="where it is written (default: here)")


def new(arguments: Namespace) -> int:
    """`bakeoff new`: a plugin to start from."""
    from harness.config.options import quoted
    from harness.plugin_kit.new import GROUPS, start

    paths = start(arguments.kind, arguments.name, Path(arguments.folder))
    for path in paths:
        say(f"written: {path}")
    group, file = GROUPS[arguments.kind], f"{'' if paths[0].is_absolute() else './'}{paths[0]}"
    pick = f"{group}=[perplexity,{quoted(file)}]" if group == "evals" else f"{group}={quoted(file)}"
    say(f'next: bakeoff check {arguments.kind} "{file}"')
    say(f'      bakeoff run "{pick}"')
    say(f'      python -m pytest "{paths[-1]}"')
    return 0


def _check_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("kind", type=one_of(_KINDS), metavar="KIND", help=", ".join(_KINDS))
    parser.add_argument("name", metavar="NAME", help="an option's name, or a Python file")
    add_overrides(parser)


def check(arguments: Namespace) -> int:
    """`bakeoff check`: a contract, against an option or a file."""
    from harness.cli.plugins import outcomes_of
    from harness.common.errors import PluginError
    from harness.plugin_kit.outcome import Outcome

    made: list[Outcome] = []
    try:
        for outcome in outcomes_of(arguments.kind, arguments.name, arguments.overrides):
            made.append(outcome)
            say(str(outcome), flush=True)
    except PluginError as error:
        made.append(Outcome("it can be imported", "FAIL", str(error)))
        warn(error.details)
        say(str(made[-1]))
    counts = Counter(outcome.verdict for outcome in made)
    say(
        f"{arguments.kind} {arguments.name}: {counts['pass']} passed, {counts['FAIL']} failed, {counts['skip']} skipped"
    )
    return 1 if counts["FAIL"] else 0


COMMANDS = (
    Command(
        "new",
        "write an eval, a model or a decoding strategy to start from: code, options and test",
        _new_arguments,
        new,
    ),
    Command(
        "check",
        "hold an eval, a model or a decoding strategy to what every one of its kind keeps to",
        _check_arguments,
        check,
    ),
)
