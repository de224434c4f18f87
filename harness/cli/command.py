"""What a command of `bakeoff` is, and the arguments that several of them share."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.common.errors import closest


@dataclass(frozen=True)
class Command:
    """One command: what it reads from the command line, and what it does."""

    name: str
    help: str
    """One line."""
    add_arguments: Callable[[ArgumentParser], None]
    """Says what it takes."""
    do: Callable[[Namespace], int]
    """Does it with what was given; returns the exit status."""
    passes_on: bool = False
    """Whether flags that it doesn't know are another program's: they come as `arguments.rest`."""
    handles_interrupts: bool = False
    """Whether Ctrl-C has a meaning of its own while it runs."""


def add_overrides(parser: ArgumentParser) -> None:
    """`arguments.overrides`: what is picked and set."""
    parser.add_argument(
        "overrides",
        nargs="*",
        metavar="OVERRIDE",
        help="group=option or key=value, as model=lstm budget.tokens=1e6 seed=1",
    )


def add_plugins(parser: ArgumentParser) -> None:
    """`arguments.plugin`: files that are imported before anything else is done."""
    parser.add_argument(
        "--plugin",
        action="append",
        default=[],
        metavar="FILE",
        help="a Python file that a run was made with; may be given more than once",
    )


def add_results(parser: ArgumentParser) -> None:
    """`arguments.results`: the results folder."""
    parser.add_argument(
        "--results",
        default="results",
        type=_folder_name,
        metavar="DIR",
        help="where runs are looked for (default: results)",
    )


def _folder_name(text: str) -> str:
    """The name of a folder, which isn't empty."""
    if not text.strip():
        raise ArgumentTypeError("the name of a folder is empty. Name one, or leave it out for 'results'")
    return text


def one_of(names: Sequence[str]) -> Callable[[str], str]:
    """The type of an argument that is one of these words; the error for another suggests the closest."""

    def checked(word: str) -> str:
        if word not in names:
            raise ArgumentTypeError(f"{word!r} is not known.{closest(word, names)} Allowed: {', '.join(names)}")
        return word

    return checked


RUN_HELP = "a run: the beginning of its id, EXPERIMENT/ID, @latest, @best, or its folder"


def add_run(parser: ArgumentParser, or_else: str = "") -> None:
    """`arguments.run`: a finished run, and where it is looked for."""
    add_plugins(parser)
    parser.add_argument("run", metavar="RUN", help=f"{RUN_HELP}{or_else}")
    add_results(parser)


def add_decoding(parser: ArgumentParser) -> None:
    """`arguments.decoding` and `arguments.seed`: how text is written."""
    parser.add_argument(
        "--decoding",
        metavar="NAME",
        help="a decoding strategy, several ('[repetition_penalty,top_p]'), or one with other values ('top_p "
        "decoding.transforms.top_p.p=0.8'); default: the run's own",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the random draws (default: 0)")
