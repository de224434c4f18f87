"""Commands for who writes plugins: new, check."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.plugin_kit.outcome import Outcome


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


def new(options: Namespace) -> int:
    """`bakeoff new`: a plugin to start from."""
    from harness.config.options import quoted
    from harness.plugin_kit.new import GROUPS, start

    paths = start(options.kind, options.name, Path(options.folder))
    for path in paths:
        print(f"written: {path}")
    group, file = GROUPS[options.kind], f"{'' if paths[0].is_absolute() else './'}{paths[0]}"
    pick = f"{group}=[perplexity,{quoted(file)}]" if group == "evals" else f"{group}={quoted(file)}"
    print(f'next: bakeoff check {options.kind} "{file}"')
    print(f'      bakeoff run "{pick}"')
    print(f'      python -m pytest "{paths[-1]}"')
    return 0


def check(options: Namespace) -> int:
    """`bakeoff check`: a contract, against an option or a file."""
    from harness.cli.plugins import outcomes_of
    from harness.common.errors import PluginError
    from harness.plugin_kit.outcome import Outcome

    made: list[Outcome] = []
    try:
        for outcome in outcomes_of(options.kind, options.name, options.overrides):
            made.append(outcome)
            print(outcome, flush=True)
    except PluginError as error:
        made.append(Outcome("it can be imported", "FAIL", str(error)))
        print(error.details, file=sys.stderr)
        print(made[-1])
    counts = Counter(outcome.verdict for outcome in made)
    print(f"{options.kind} {options.name}: {counts['pass']} passed, {counts['FAIL']} failed, {counts['skip']} skipped")
    return 1 if counts["FAIL"] else 0
