"""Commands for who writes plugins: new, check."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections import Counter
from pathlib import Path


def new(options: Namespace) -> int:
    """`bakeoff new`: a plugin to start from."""
    from harness.options import quoted
    from harness.starting import GROUPS, start

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
    from harness.checking.outcome import Outcome, outcomes_of
    from harness.errors import PluginError

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
