"""What a rater is asked next. Which reply comes first is drawn; every tenth question is one of before, the other way
round: whether the answer is the same shows how sure a rater is, and whether the place decides. Each answer is in the
bank at once, and one that is taken back is asked again. Needs no torch.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from harness.common.errors import closest
from harness.common.seeds import seed_of
from harness.ratings.bank import Bank
from harness.ratings.rating import P_OF_CHOICE, Choice, Pair, Rating, Side, Written
from harness.ratings.simulated import RATER as SIMULATED

ANSWERS = {"a": "a is better", "b": "b is better", "t": "a tie", "s": "skip"}
_AGAIN_EVERY = 10
_OTHER: dict[Side, Side] = {"a": "b", "b": "a"}


def rater_name(text: str) -> str:
    """A rater's name. ValueError where it can't be one, or is too much like that of the program."""
    name = text.strip()
    if not name or not name.isprintable():
        raise ValueError(f"{text!r} can't be a rater's name: it must be a word, as anna")
    if name != SIMULATED and (near := closest(name, [SIMULATED])):
        raise ValueError(f"{text!r} is too much like {SIMULATED}, a program.{near} Else pick another name")
    return name


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


class Questions:
    """One rater, one bank."""

    def __init__(self, bank: Bank, rater: str, seed: int = 0) -> None:
        self.bank, self.rater, self._seed = bank, rater, seed
        ratings = bank.ratings() if bank.exists else []
        self._answered = {rating.pair.id for rating in ratings if rating.rater == rater}
        self._in_bank = {rating.pair.id: rating.pair for rating in ratings}
        self._again: list[Question] = []
        """What was taken back, and what was asked then; the last one is asked first."""
        self.given: list[Rating] = []
        """The answers since the beginning, without those that were taken back."""

    @property
    def num_in_bank(self) -> int:
        """Pairs that were in the bank at the beginning."""
        return len(self._in_bank)

    def next(self, new_pairs: Callable[[], Sequence[Pair]]) -> Question | None:
        """The same until it is answered: what was taken back, a question of before where it is time for one, then what
        others rated in this bank and this rater didn't, then new pairs. None where there is no other."""
        if self._again:
            return self._again[-1]
        return self._repeat() or next(self._unasked(new_pairs), None)

    def answer(self, question: Question, key: str, seconds: float | None) -> None:
        """Keep an answer, one of ANSWERS. seconds: how long it took."""
        if self._again and self._again[-1] == question:
            self._again.pop()
        choice = question.meant_by(key)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        p = P_OF_CHOICE[choice]
        rating = Rating(question.pair, question.first, self.rater, choice, p, now, seconds, question.is_repeat)
        self.bank.add(rating)
        self.given.append(rating)
        self._answered.add(question.pair.id)

    def take_back(self, question: Question) -> None:
        """The last answer no longer counts, and its question is asked before this one. There must be an answer."""
        last = self.given.pop()
        self.bank.add(replace(last, choice="skip", p=None, seconds=None))
        if not (self._again and self._again[-1] == question):
            self._again.append(question)
        self._again.append(Question(last.pair, last.shown_first, last.is_repeat))

    def _unasked(self, new_pairs: Callable[[], Sequence[Pair]]) -> Iterator[Question]:
        yield from (self._question(pair) for pair in self._in_bank.values() if pair.id not in self._answered)
        yield from (
            self._question(pair)
            for pair in new_pairs()
            if pair.id not in self._answered and pair.id not in self._in_bank
        )

    def _question(self, pair: Pair) -> Question:
        drawn = random.Random(seed_of("shown first", self._seed, self.rater, pair.id)).random()
        return Question(pair, "a" if drawn < 0.5 else "b")

    def _repeat(self) -> Question | None:
        """A question of before, where it is time for one: of those that weren't asked twice, the first."""
        if (len(self.given) + 1) % _AGAIN_EVERY:
            return None
        twice = {rating.pair.id for rating in self.given if rating.is_repeat}
        for rating in self.given[: _AGAIN_EVERY // 2 + len(twice) * _AGAIN_EVERY]:
            if rating.p is not None and rating.pair.id not in twice:
                return Question(rating.pair, _OTHER[rating.shown_first], is_repeat=True)
        return None
