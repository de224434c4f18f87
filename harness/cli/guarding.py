"""Command that makes a guard: guard."""

from __future__ import annotations

import logging
import shlex
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cli.command import Command, add_plugins, real_number
from harness.common.errors import UserError
from harness.common.files import target_folder
from harness.common.terminal import announce_loading, say, say_table

if TYPE_CHECKING:
    from harness.completion.guard.guard import Guard
    from harness.completion.guard.making import Quality
    from harness.statistics.estimate import Estimate
    from harness.text.data.corpus import Corpus

log = logging.getLogger("bakeoff")

_NUM_TELLING, _NUM_EXAMPLES, _LONGEST_EXAMPLE = 10, 3, 100


def _guard_arguments(parser: ArgumentParser) -> None:
    add_plugins(parser)
    parser.add_argument("folder", metavar="DIR", help="the folder to write, which must be new or empty")
    for flag, what in (("--allow", "what people and the model may say"), ("--refuse", "what they may not")):
        parser.add_argument(
            flag,
            action="append",
            required=True,
            metavar="DATA",
            help=f"{what}: a data set, as chat, or one with values, as 'text data.paths=[rude/*.txt]'; may be repeated",
        )
    parser.add_argument(
        "--false-positive-rate",
        type=real_number(most=1),
        default=0.01,
        metavar="P",
        help="the share of allowed texts that may be refused (default: 0.01)",
    )


def guard(arguments: Namespace) -> int:
    """`bakeoff guard`: a classifier for what goes into a chat and what comes out of it."""
    folder = target_folder(arguments.folder)
    sources = {flag: [_source(words) for words in getattr(arguments, flag)] for flag in ("allow", "refuse")}
    announce_loading("sklearn")
    from dataclasses import replace

    from harness.completion.guard.making import kinds_of, make, measure

    corpora = {
        flag: [
            _loaded(f"--{flag} {shlex.quote(words)}", source)
            for words, source in zip(getattr(arguments, flag), of_flag, strict=True)
        ]
        for flag, of_flag in sources.items()
    }
    kinds = kinds_of(corpora["allow"], corpora["refuse"])
    made = make(kinds, arguments.false_positive_rate)
    quality = measure(made, kinds)
    made = replace(made, facts=_facts(arguments, corpora, quality))
    made.save(folder)
    _show(made, quality)
    chat = shlex.join(["bakeoff", "chat", "RUN", "--guard", arguments.folder])
    say(f"written: {arguments.folder}. Try: {chat}")
    return 0


def _source(words: str) -> Any:
    """The data source of 'chat' or of 'text data.paths=[...]'. UserError for another."""
    from harness.config.compose import compose
    from harness.config.settings import build
    from harness.text.data.corpus import DataSource

    name, *values = shlex.split(words) or [""]
    if name and Path(name).exists() and Path(name).suffix not in (".py", ".yaml"):
        raise UserError(f"{name} is not a data set but a path. Its texts are 'text data.paths=[{name}]'.")
    return build(compose([f"data={name}", *values])["data"], DataSource, "data")  # type: ignore[type-abstract]


def _loaded(option: str, source: Any) -> Corpus:
    """A data set. What is said of it comes after the option that names it."""
    from harness.training.workshop import load_corpus

    log.info("reading %s", option)
    return load_corpus(source)


def _facts(arguments: Namespace, corpora: dict[str, list[Corpus]], quality: Quality) -> dict[str, Any]:
    return {
        "allow": arguments.allow,
        "refuse": arguments.refuse,
        "fingerprints": {flag: [corpus.fingerprint for corpus in of_flag] for flag, of_flag in corpora.items()},
        "false_positive_rate": arguments.false_positive_rate,
        "false_positives": quality.false_positives.value,
        "false_negatives": quality.false_negatives.value,
        "area": quality.area,
    }


def _show(made: Guard, quality: Quality) -> None:
    rows = [
        ("false positives: allowed texts that are refused", *_cells(quality.false_positives)),
        ("false negatives: other texts that are let through", *_cells(quality.false_negatives)),
        ("area under the ROC curve", f"{quality.area:.4f}", "", ""),
        ("milliseconds a text", f"{quality.milliseconds:.2f}", "", ""),
    ]
    say_table(("on test texts", "value", "95 % interval", "texts"), rows, right=("value", "95 % interval", "texts"))
    say(f"refuses from a probability of {made.threshold:.3f} on")
    for title, ngrams in zip(("allowed", "refused"), made.telling(_NUM_TELLING), strict=True):
        say(f"what speaks most for {title}: {' '.join(repr(ngram) for ngram in ngrams)}")
    for title, texts in (("refused wrongly", quality.wrongly_refused), ("let through", quality.let_through)):
        for text in texts[:_NUM_EXAMPLES]:
            say(f"{title}: {' '.join(text.split())[:_LONGEST_EXAMPLE]}")


def _cells(share: Estimate) -> tuple[str, str, str]:
    assert share.value is not None
    interval = "" if share.ci_low is None else f"{100 * share.ci_low:.1f} to {100 * (share.ci_high or 0):.1f} %"
    return f"{100 * share.value:.1f} %", interval, f"{share.n:,}"


COMMANDS = (Command("guard", "make a guard for chats: a classifier of what may be said", _guard_arguments, guard),)
