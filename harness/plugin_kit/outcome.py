"""The outcomes of checks."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from harness.common.errors import one_line

_LONGEST = 600


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

    All others depend on the first check: where it fails, they don't run.
    """
    for number, check in enumerate(checks):
        sentence = check.__name__.replace("_", " ")
        outcome = _outcome(check, sentence, subject)
        yield outcome
        if number == 0 and outcome.verdict == "FAIL":
            return


def _outcome(check: Callable[[Any], None], sentence: str, subject: Any) -> Outcome:
    try:
        check(subject)
    except Skipped as skipped:
        return Outcome(sentence, "skip", str(skipped))
    except AssertionError as error:
        reason = f"{inspect.getdoc(check) or ''} {error}".strip() or one_line(error)
        return Outcome(sentence, "FAIL", _short(reason))
    except (Exception, SystemExit) as error:  # a plugin may call sys.exit
        last = traceback.extract_tb(error.__traceback__)[-1]
        notes = "".join(f", {note}" for note in getattr(error, "__notes__", ()))
        return Outcome(sentence, "FAIL", _short(f"{one_line(error)}{notes} ({last.filename}:{last.lineno})"))
    return Outcome(sentence, "pass")


def _short(text: str) -> str:
    """On one line, cut where it is very long."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]} ..."
