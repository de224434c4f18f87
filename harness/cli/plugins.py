"""Commands for plugin authors: new, check."""

from __future__ import annotations

import importlib.util
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.cli.command import Command, add_overrides, one_of
from harness.common.terminal import announce_loading, say, warn
from harness.plugin_kit.outcome import Outcome

KINDS = ("eval", "model", "decoding", "data", "tokenizer", "reward")


def outcomes_of(kind: str, name: str, overrides: Sequence[str]) -> Iterator[Outcome]:
    """The outcomes of every check of one of KINDS.

    name: an option of the group, or a file. UserError where it doesn't exist; PluginError where its code fails.
    """
    if kind == "eval":
        from harness.plugin_kit.check_eval import check_eval

        return check_eval(name, overrides)
    if kind == "model":
        from harness.plugin_kit.check_model import check_model

        return check_model(name, overrides)
    if kind == "data":
        from harness.plugin_kit.check_data import check_data

        return check_data(name, overrides)
    if kind == "tokenizer":
        from harness.plugin_kit.check_tokenizer import check_tokenizer

        return check_tokenizer(name, overrides)
    if kind == "reward":
        from harness.plugin_kit.check_reward import check_reward

        return check_reward(name, overrides)
    from harness.plugin_kit.check_decoding import check_decoding

    return check_decoding(name, overrides)


def _new_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("kind", type=one_of(KINDS), metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("name", metavar="NAME", help="the plugin's name, as my_eval")
    parser.add_argument(
        "--template",
        metavar="NAME",
        help="for a model: counting (default), or neural; for decoding: transform (default), or chooser",
    )
    parser.add_argument(
        "--folder", default=".", metavar="DIR", help="the folder to write to (default: the current one)"
    )


def new(arguments: Namespace) -> int:
    """`bakeoff new`: write the files of a new plugin."""
    from harness.config.options import quoted
    from harness.plugin_kit.new import GROUPS, start

    paths = start(arguments.kind, arguments.name, Path(arguments.folder), arguments.template)
    for path in paths:
        say(f"written: {path}")
    group, file = GROUPS[arguments.kind], f"{'' if paths[0].is_absolute() else './'}{paths[0]}"
    others = {"evals": "perplexity,", "rewards": "hands_back_in_time,"}
    pick = f"{group}=[{others[group]}{quoted(file)}]" if group in others else f"{group}={quoted(file)}"
    say(f'next: bakeoff check {arguments.kind} "{file}"')
    say(f'      bakeoff run "{pick}"{" decoding=best_by_reward" if group == "rewards" else ""}')
    if importlib.util.find_spec("pytest") is not None:
        say(f'      python -m pytest "{paths[-1]}"')
    return 0


def _check_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("kind", type=one_of(KINDS), metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("name", metavar="NAME", help="an option's name, or a Python file")
    add_overrides(parser)


def check(arguments: Namespace) -> int:
    """`bakeoff check`: test an option or a file against its contract."""
    from harness.cli.plugins import outcomes_of
    from harness.common.errors import PluginError
    from harness.plugin_kit.outcome import Outcome
    from harness.plugin_kit.picked import refuse

    outcomes: list[Outcome] = []
    try:
        refuse(arguments.kind, arguments.name, arguments.overrides)
        announce_loading()
        for outcome in outcomes_of(arguments.kind, arguments.name, arguments.overrides):
            outcomes.append(outcome)
            say(str(outcome), flush=True)
    except PluginError as error:
        outcomes.append(Outcome("it can be imported", "FAIL", str(error)))
        warn(error.details)
        say(str(outcomes[-1]))
    counts = Counter(outcome.verdict for outcome in outcomes)
    say(
        f"{arguments.kind} {arguments.name}: {counts['pass']} passed, {counts['FAIL']} failed, {counts['skip']} skipped"
    )
    return 1 if counts["FAIL"] else 0


COMMANDS = (
    Command(
        "new",
        "write files to start an eval, model, decoding strategy, data set, tokenizer or reward: code, options, test",
        _new_arguments,
        new,
    ),
    Command(
        "check",
        "test an eval, model, decoding strategy, data set, tokenizer or reward against the rules for its kind",
        _check_arguments,
        check,
    ),
)
