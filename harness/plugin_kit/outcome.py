"""The outcomes of checks."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from harness.common.errors import one_line
from harness.config.plugins import loaded_files

_LONGEST = 600
_OURS = Path(__file__).parents[1]


class Skipped(Exception):
    """Raised by a check that can't run here; the message says why."""


def hold(fact: bool, otherwise: str) -> None:
    """Raise AssertionError with the message `otherwise` unless `fact` is true."""
    if not fact:
        raise AssertionError(otherwise)


@dataclass(frozen=True)
class Outcome:
    """The outcome of one check."""

    sentence: str
    """What the check expects."""
    verdict: Literal["pass", "FAIL", "skip"]
    reason: str = ""
    """What was found instead, or why the check was skipped."""

    def __str__(self) -> str:
        return f"{self.verdict}  {self.sentence}{f': {self.reason}' if self.reason else ''}"


def outcomes(checks: Sequence[Callable[[Any], None]], subject: Any) -> Iterator[Outcome]:
    """Run checks, and give each outcome at once. A check's name is its sentence; it raises where the sentence is false.
    Its docstring, if it has one, says what that usually means.

    All others depend on the first check: where it fails, they don't run. An exception that an earlier check met is told
    once.
    """
    met: set[tuple[type[BaseException], str]] = set()
    for number, check in enumerate(checks):
        outcome = _outcome(check, check.__name__.replace("_", " "), subject, met)
        yield outcome
        if number == 0 and outcome.verdict == "FAIL":
            return


def _outcome(
    check: Callable[[Any], None], sentence: str, subject: Any, met: set[tuple[type[BaseException], str]]
) -> Outcome:
    """met: the exceptions of earlier checks, with where they come from; this check's is added."""
    try:
        check(subject)
    except Skipped as skipped:
        return Outcome(sentence, "skip", str(skipped))
    except AssertionError as error:
        reason = f"{inspect.getdoc(check) or ''} {error}".strip() or one_line(error)
        return Outcome(sentence, "FAIL", _short(reason + _at(_plugin_lines(error))))
    except (Exception, SystemExit) as error:  # a plugin may call sys.exit
        kind = (type(error), _origin(error))
        if kind in met:
            return Outcome(sentence, "FAIL", "the same error as above")
        met.add(kind)
        return Outcome(sentence, "FAIL", _short(told(error)))
    return Outcome(sentence, "pass")


def told(error: BaseException) -> str:
    """An exception in one line, and where it comes from: the last line of a plugin file that its traceback has."""
    return one_line(error) + _origin(error)


def _origin(error: BaseException) -> str:
    """Notes on an exception, and its line: a plugin file's, else the last one, but none of ours where a note says
    more."""
    notes = getattr(error, "__notes__", [])
    last = traceback.extract_tb(error.__traceback__)[-1]
    lines = _plugin_lines(error)
    if not lines and not (notes and Path(last.filename).is_relative_to(_OURS)):
        lines = [(last.filename, last.lineno)]
    return "".join(f", {note}" for note in notes) + _at(lines)


def _plugin_lines(error: BaseException) -> list[tuple[str, int | None]]:
    """The lines of plugin files, with their files, that an exception's traceback has."""
    files = {str(plugin.path) for plugin in loaded_files()}
    frames = traceback.extract_tb(error.__traceback__)
    return [(frame.filename, frame.lineno) for frame in frames if frame.filename in files]


def _at(lines: Sequence[tuple[str, int | None]]) -> str:
    """The last of some lines, as ' (FILE:LINE)'; '' without any."""
    return "".join(f" ({file}:{line})" for file, line in lines[-1:])


def _short(text: str) -> str:
    """On one line, cut where it is very long."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]} ..."
