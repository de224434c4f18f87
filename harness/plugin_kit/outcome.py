"""How a check comes out."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from harness.common.errors import told

_LONGEST = 400


class Skipped(Exception):
    """A check that can't be made here; it says why."""


def hold(fact: bool, otherwise: str) -> None:
    """Raise AssertionError with the message `otherwise` unless `fact` is true."""
    if not fact:
        raise AssertionError(otherwise)


@dataclass(frozen=True)
class Outcome:
    """One check, made."""

    sentence: str
    """What should be the case."""
    verdict: Literal["pass", "FAIL", "skip"]
    reason: str = ""
    """What is the case instead, or why it was skipped."""

    def __str__(self) -> str:
        return f"{self.verdict}  {self.sentence}{f': {self.reason}' if self.reason else ''}"


def outcomes(checks: Sequence[Callable[[Any], None]], subject: Any) -> Iterator[Outcome]:
    """Each check's outcome, as it is made. A check's name is its sentence; it raises where that is false.

    The others rest upon the first one: where it fails, they are not made.
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
        return Outcome(sentence, "FAIL", _short(str(error) or told(error)))
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        notes = "".join(f", {note}" for note in getattr(error, "__notes__", ()))
        return Outcome(sentence, "FAIL", _short(f"{told(error)}{notes} ({last.filename}:{last.lineno})"))
    return Outcome(sentence, "pass")


def _short(text: str) -> str:
    """In one line, and no longer than a reader bears."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]} ..."
