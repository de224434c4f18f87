"""A person rates pairs of replies in a terminal, without knowing who wrote them.

Which reply comes first is drawn. Every tenth question is one of before, the other way round: whether the answer is the
same shows how sure a rater is, and whether the place decides. Each answer is in the bank before the next question is
asked. What models wrote is untrusted: a margin tells it from what the program says. Lines may also come from a pipe.
Needs no torch.
"""

from __future__ import annotations

import random
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from harness.common.plurals import many
from harness.common.seeds import seed_of
from harness.common.terminal import say
from harness.ratings.bank import Bank
from harness.ratings.rating import P_OF_CHOICE, Choice, Pair, Rating, Side, Written

_GREETING = (
    "Which reply is better? a or b, t for a tie, s to skip, u to undo the last answer, q to end; then Enter. Every "
    "answer is kept at once."
)
_AGAIN_EVERY = 10
_MARGIN = "  | "
_OTHER: dict[Side, Side] = {"a": "b", "b": "a"}


@dataclass(frozen=True)
class Question:
    """A pair as it is shown."""

    pair: Pair
    first: Side
    is_repeat: bool = False

    @property
    def replies(self) -> tuple[Written, Written]:
        """In the order in which they are shown."""
        return (self.pair.a, self.pair.b) if self.first == "a" else (self.pair.b, self.pair.a)

    def meant_by(self, key: str) -> Choice:
        """What an answer says of the pair: a and b are the replies as they are shown."""
        if key == "t":
            return "tie"
        if key == "s":
            return "skip"
        return self.first if key == "a" else _OTHER[self.first]


@dataclass
class Session:
    """One rater, one bank."""

    bank: Bank
    rater: str
    new_pairs: Callable[[int], Sequence[Pair]]
    """Writes so many pairs that may be asked."""
    num_questions: int
    seed: int = 0
    _given: list[Rating] = field(default_factory=list, init=False)
    """In this session, without those that were taken back."""
    _seconds: float | None = field(default=None, init=False)
    """How long the last answer took."""

    def run(self) -> int:
        """Ask until all is asked or the rater ends it; returns how many answers there are of this session."""
        # a process that was started in the background begins with Ctrl-C ignored
        signal.signal(signal.SIGINT, signal.default_int_handler)
        say(_GREETING)
        try:
            self._ask_all()
        except (EOFError, KeyboardInterrupt):
            say()
        added = many(len(self._given), "answer")
        say(f"{added} added to {self.bank.path}" if self._given else "no answer was added")
        return len(self._given)

    def _ask_all(self) -> None:
        waiting = self._unasked()
        redo: list[Question] = []
        while len(self._given) < self.num_questions:
            question = redo.pop() if redo else self._repeat() or next(waiting, None)
            if question is None:
                say("There are no other pairs: the models write the same again and again.")
                return
            key = self._answer(question)
            if key == "q":
                return
            if key == "u":
                redo += [question, *self._take_back()]
            else:
                self._keep(question, question.meant_by(key))

    def _unasked(self) -> Iterator[Question]:
        """First what others rated in this bank and this rater didn't; then new pairs."""
        ratings = self.bank.ratings() if self.bank.exists else []
        own = {rating.pair.id for rating in ratings if rating.rater == self.rater}
        known = {rating.pair.id: rating.pair for rating in ratings}
        for pair in known.values():
            if pair.id not in own:
                yield self._question(pair)
        for pair in self.new_pairs(len(known) + self.num_questions):
            if pair.id not in known:
                known[pair.id] = pair
                yield self._question(pair)

    def _question(self, pair: Pair) -> Question:
        drawn = random.Random(seed_of("shown first", self.seed, self.rater, pair.id)).random()
        return Question(pair, "a" if drawn < 0.5 else "b")

    def _repeat(self) -> Question | None:
        """A question of before, where it is time for one: of those that weren't asked twice, the first."""
        if (len(self._given) + 1) % _AGAIN_EVERY:
            return None
        twice = {rating.pair.id for rating in self._given if rating.is_repeat}
        for rating in self._given[: _AGAIN_EVERY // 2 + len(twice) * _AGAIN_EVERY]:
            if rating.p is not None and rating.pair.id not in twice:
                return Question(rating.pair, _OTHER[rating.shown_first], is_repeat=True)
        return None

    def _answer(self, question: Question) -> str:
        """The key that the rater types."""
        self._show(question)
        started = time.monotonic()
        while True:
            key = input("> ").strip().lower()
            if not sys.stdin.isatty():
                say(key)
            if key in ("a", "b", "t", "s", "q") or (key == "u" and self._given):
                self._seconds = round(time.monotonic() - started, 1)
                return key
            say("There is nothing to undo." if key == "u" else "Type a, b, t, s, u or q.")

    def _show(self, question: Question) -> None:
        say(f"\n[{len(self._given) + 1} of {self.num_questions}]")
        _quote(question.pair.prompt)
        for name, reply in zip("ab", question.replies, strict=True):
            say(f"{name}{'' if reply.finish_reason == 'stop' else ' (cut)'}:")
            _quote(reply.text)

    def _keep(self, question: Question, choice: Choice) -> None:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        rating = Rating(
            question.pair,
            question.first,
            self.rater,
            choice,
            P_OF_CHOICE[choice],
            now,
            self._seconds,
            question.is_repeat,
        )
        self.bank.add(rating)
        self._given.append(rating)

    def _take_back(self) -> list[Question]:
        """The question of the last answer, which no longer counts."""
        last = self._given.pop()
        self.bank.add(replace(last, choice="skip", p=None, seconds=None))
        return [Question(last.pair, last.shown_first, last.is_repeat)]


def _quote(text: str) -> None:
    for line in text.strip("\n").split("\n"):
        say(f"{_MARGIN}{line}")
