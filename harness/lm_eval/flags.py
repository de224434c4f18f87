"""What can be said of lm_eval's flags at once. Loading lm_eval and the list of its tasks takes many seconds."""

from __future__ import annotations

import math
import re
from argparse import ArgumentParser
from collections.abc import Iterable, Sequence
from pathlib import Path

from harness.common.errors import UserError, closest
from harness.lm_eval import TASKS_FOLDER

_OURS = "bakeoff_"
"""How the names of our tasks begin."""


def with_underscores(argument: str) -> str:
    """A flag in lm_eval's spelling: --include-path becomes --include_path."""
    if not argument.startswith("--"):
        return argument
    name, equals, value = argument.partition("=")
    return "--" + name[2:].replace("-", "_") + equals + value


def our_tasks() -> list[str]:
    """The names of our tasks and of their groups."""
    texts = [path.read_text(encoding="utf-8") for path in TASKS_FOLDER.iterdir() if path.is_file()]
    return sorted({name for text in texts for name in re.findall(r"^(?:task|tag): (\S+)$", text, flags=re.MULTILINE)})


def check_tasks(names: Iterable[str]) -> None:
    """UserError for a name that only a task of ours could have, and none has."""
    ours = our_tasks()
    for name in names:
        if re.fullmatch(rf"{_OURS}\w+", name) and name not in ours:
            raise UserError(f"there is no task {name!r}.{closest(name, ours)} bakeoff's own: {', '.join(ours)}.")


def check_flags(flags: Sequence[str]) -> None:
    """UserError for flags of `lm_eval run` that can't be right: another model, no task, a limit below 0, a folder that
    isn't there."""
    parser = ArgumentParser(prog="bakeoff lm-eval", add_help=False)
    parser.add_argument("--model", "-M")
    parser.add_argument("--model_args", "-a", nargs="*")
    parser.add_argument("--tasks", "-t", nargs="*", default=[])
    parser.add_argument("--config", "-C")
    parser.add_argument("--limit", "-L")
    parser.add_argument("--num_fewshot", "-f")
    parser.add_argument("--include_path")
    chosen, _ = parser.parse_known_args([with_underscores(flag) for flag in flags])
    if chosen.model is not None or chosen.model_args is not None:
        raise UserError(
            "--model and --model_args are not for `bakeoff lm-eval`: the model is that of RUN. Leave them out. For "
            "another model: lm_eval run --model ..., with bakeoff's tasks by --include_path \"$(bakeoff lm-eval "
            '--print-include-path)".'
        )
    tasks = [name for words in chosen.tasks for name in words.split(",") if name]
    if not tasks and chosen.config is None:
        raise UserError(
            "lm-eval needs the names of tasks, as --tasks bakeoff_arithmetic,wikitext. bakeoff's own: "
            f"{', '.join(our_tasks())}. `lm_eval ls tasks` shows lm_eval's."
        )
    _check_number("--limit", chosen.limit, "above 0: a number of documents, or below 1 a share of them", least=None)
    _check_number("--num_fewshot", chosen.num_fewshot, "0 or more", least=0)
    if chosen.include_path is None:
        check_tasks(tasks)
    elif not Path(chosen.include_path).is_dir():
        raise UserError(
            f"--include-path {chosen.include_path} is no folder. Name one with YAML files of tasks, or leave it out: "
            "lm_eval's tasks and bakeoff's own are found without it."
        )


def _check_number(flag: str, text: str | None, allowed: str, least: int | None) -> None:
    """least: the least value that is allowed; None: only values above 0 are."""
    try:
        number = 1.0 if text is None else float(text)
    except ValueError:
        number = math.nan
    if not (number > 0 or number == least):
        raise UserError(f"{flag} {text} is not allowed: it must be {allowed}.")
