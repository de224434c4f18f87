"""What a command of `bakeoff` is, and the arguments that several of them share."""

from __future__ import annotations

import math
import re
from argparse import SUPPRESS, Action, ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.common.errors import closest
from harness.common.options import LARGEST
from harness.workers.local_workers import ENDS_WITH_STDIN


@dataclass(frozen=True)
class Command:
    """One command: its arguments, and its function."""

    name: str
    help: str
    """One line."""
    add_arguments: Callable[[ArgumentParser], None]
    """Adds the command's arguments to a parser."""
    do: Callable[[Namespace], int]
    """Runs the command with parsed arguments; returns the exit status."""
    passes_on: bool = False
    """Whether unknown flags are passed on to another program, as `arguments.rest`."""
    handles_interrupts: bool = False
    """Whether the command handles Ctrl-C itself."""


class Needless(Action):
    """The flag -m where comma lists are read anyway: the error says so."""

    def __call__(self, parser: ArgumentParser, *_: object) -> None:
        command = parser.prog.rpartition(" ")[2]
        parser.error(
            f"{'/'.join(self.option_strings)} is not needed: {command} takes comma lists anyway. Leave it out."
        )


def add_overrides(parser: ArgumentParser, example: str = "model=lstm budget.tokens=1e6 seed=1") -> None:
    """Add `arguments.overrides`: picked options and settings."""
    parser.add_argument(
        "overrides",
        nargs="*",
        default=[],  # else argparse names it among what is required
        metavar="OVERRIDE",
        help=f"group=option or key=value, as {example}",
    )


def add_plugins(parser: ArgumentParser) -> None:
    """Add `arguments.plugin`: files that are imported first."""
    parser.add_argument(
        "--plugin",
        action="append",
        default=[],
        metavar="FILE",
        help="a Python file that the run uses; may be repeated",
    )


def add_ends_with_stdin(parser: ArgumentParser) -> None:
    """Add `arguments.ends_with_stdin`, the flag of a worker."""
    parser.add_argument(ENDS_WITH_STDIN, action="store_true", help=SUPPRESS)


def add_results(parser: ArgumentParser) -> None:
    """Add `arguments.results`: the results folder."""
    parser.add_argument(
        "--results",
        default="results",
        type=_folder_name,
        metavar="DIR",
        help="the results folder with your runs (default: results)",
    )


def _folder_name(text: str) -> str:
    """The name of a folder; an empty one is refused."""
    if not text.strip():
        raise ArgumentTypeError("the folder's name is empty. Name a folder, or leave the option out to use 'results'")
    return text


def one_of(names: Sequence[str]) -> Callable[[str], str]:
    """The type of an argument that is one of these words; the error for another suggests the closest."""

    def checked(word: str) -> str:
        if word not in names:
            raise ArgumentTypeError(f"{word!r} is not known.{closest(word, names)} Allowed: {', '.join(names)}")
        return word

    return checked


RUN_HELP = "a run, by the beginning of its id, EXPERIMENT/ID, @latest, @best, or its folder"


def add_run(parser: ArgumentParser, or_else: str = "") -> None:
    """Add `arguments.run`, a finished run, and `arguments.results`, where to look for it."""
    add_plugins(parser)
    parser.add_argument("run", metavar="RUN", help=f"{RUN_HELP}{or_else}")
    add_results(parser)


def add_decoding(parser: ArgumentParser) -> None:
    """Add `arguments.decoding` and `arguments.seed`."""
    parser.add_argument(
        "--decoding",
        metavar="NAME",
        help="a decoding strategy, several ('[repetition_penalty,top_p]'), or one with other values ('top_p "
        "decoding.transforms.top_p.p=0.8'); default: the run's strategy",
    )
    parser.add_argument(
        "--seed", type=whole_number(0, LARGEST), default=0, metavar="N", help="seed of the random draws (default: 0)"
    )


def whole_number(least: int, most: int | None = None) -> Callable[[str], int]:
    """The type of an argument that is a whole number from `least` to `most`; the error for another says what is
    allowed."""
    span = f", {least:,} or more" if most is None else f" from {least:,} to {most:,}"

    def checked(text: str) -> int:
        number = int(text) if re.fullmatch(r"[+-]?[0-9]+", text) else None
        if number is None or number < least or (most is not None and number > most):
            raise ArgumentTypeError(f"{text!r} is not allowed: it must be a whole number{span}")
        return number

    return checked


def real_number(most: float = math.inf) -> Callable[[str], float]:
    """The type of a number above 0 and below `most`."""
    span = "above 0" + (f" and below {most:g}" if math.isfinite(most) else "")

    def checked(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not 0 < value < most:
            raise ArgumentTypeError(f"{text!r} is not allowed: it must be a number {span}")
        return value

    return checked
