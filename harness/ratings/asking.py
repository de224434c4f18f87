"""A person rates pairs of replies in a terminal, without knowing who wrote them.

Each answer is in the bank before the next question is asked. What models wrote is untrusted: a margin tells it from
what the program says. Lines may also come from a pipe. Needs no torch.
"""

from __future__ import annotations

import functools
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.common.plurals import many
from harness.common.terminal import say
from harness.ratings.bank import Bank
from harness.ratings.questions import ANSWERS, Question, Questions
from harness.ratings.rating import Pair

_GREETING = (
    "Which reply is better? a or b, t for a tie, s to skip, u to undo the last answer, q to end; then Enter. A reply "
    "marked (cut) is longer than a reply may be. Every answer is kept at once."
)
_MARGIN = "  | "


@dataclass
class Session:
    """One rater, one bank."""

    bank: Bank
    rater: str
    new_pairs: Callable[[int], Sequence[Pair]]
    """Writes so many pairs that may be asked."""
    num_questions: int
    seed: int = 0

    def __post_init__(self) -> None:
        self._questions = Questions(self.bank, self.rater, self.seed)

    def run(self) -> int:
        """Ask until all is asked or the rater ends it; returns how many answers there are of this session."""
        # a process that was started in the background begins with Ctrl-C ignored
        signal.signal(signal.SIGINT, signal.default_int_handler)
        say(_GREETING)
        try:
            self._ask_all()
        except (EOFError, KeyboardInterrupt):
            say()
        given = self._questions.given
        say(f"{many(len(given), 'answer')} added to {self.bank.path}" if given else "no answer was added")
        return len(given)

    def _ask_all(self) -> None:
        new_pairs = functools.cache(lambda: self.new_pairs(self._questions.num_in_bank + self.num_questions))
        while len(self._questions.given) < self.num_questions:
            question = self._questions.next(new_pairs)
            if question is None:
                say("There are no other pairs: the models write the same again and again.")
                return
            started = time.monotonic()
            key = self._answer(question)
            if key == "q":
                return
            if key == "u":
                self._questions.take_back(question)
            else:
                self._questions.answer(question, key, round(time.monotonic() - started, 1))

    def _answer(self, question: Question) -> str:
        """The key that the rater types."""
        self._show(question)
        while True:
            key = input("> ").strip().lower()
            if not sys.stdin.isatty():
                say(key)
            if key in (*ANSWERS, "q") or (key == "u" and self._questions.given):
                return key
            say("There is nothing to undo." if key == "u" else "Type a, b, t, s, u or q.")

    def _show(self, question: Question) -> None:
        say(f"\n[{len(self._questions.given) + 1} of {self.num_questions}]")
        _quote(question.pair.prompt)
        for name, reply in zip("ab", question.replies, strict=True):
            say(f"{name}{'' if reply.finish_reason == 'stop' else ' (cut)'}:")
            _quote(reply.text if reply.text.strip() else "(an empty reply)")


def _quote(text: str) -> None:
    for line in text.strip("\n").split("\n"):
        say(f"{_MARGIN}{line}")
