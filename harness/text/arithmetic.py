"""Problems a op b: which there are, which split each belongs to, how they are written, and where a text holds one.

Operands have 1 to 5 digits (0 to 9 for one digit). A difference may be negative: "12-45=-33". Which split a problem
belongs to follows from a hash of the problem alone, so training and test problems are disjoint whoever draws them. The
hash takes a+b and b+a (axb and bxa) for one problem: knowing the one from training is no help for the other in test.

Sizes are drawn before numbers: every pair of operand sizes is equally likely, so that large numbers, of which there are
many more, don't crowd out small ones.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

from harness.text.corpus import Split
from harness.text.splitting import split_by_hash
from harness.text.transcript import ASSISTANT, HUMAN, HUMAN_ASSISTANT, Transcript, TranscriptFormat, Turn

Operation = Literal["+", "-", "x"]
Style = Literal["plain", "qa", "chat"]
OPERATIONS: tuple[Operation, ...] = get_args(Operation)
STYLES: tuple[Style, ...] = get_args(Style)
MAX_DIGITS = 5

VALIDATION_FRACTION = 0.1
"""Share of all problems that are for validation. Constant, so that every data set and eval agrees."""
TEST_FRACTION = 0.15
"""Share of all problems that are for test."""

# What stands between one problem and the next, but in a chat, where the format says it.
_SEPARATOR: dict[Style, str] = {"plain": "\n", "qa": "\n\n"}
_WORDS: dict[Operation, str] = {"+": "plus", "-": "minus", "x": "times"}
MOST_PROBLEMS = 100_000
"""No more problems than this can be asked for at once."""
# Where all problems of a kind are this few, they are listed; where they are more, they are drawn.
_MOST_LISTED = 10_000


@dataclass(frozen=True, order=True)
class Problem:
    """One problem."""

    a: int
    """The left operand, 0 or more."""
    op: Operation
    b: int
    """The right operand, 0 or more."""

    @property
    def id(self) -> str:
        """The problem itself: "12+7"."""
        return f"{self.a}{self.op}{self.b}"

    @property
    def answer(self) -> int:
        if self.op == "+":
            return self.a + self.b
        return self.a - self.b if self.op == "-" else self.a * self.b

    @property
    def digits(self) -> int:
        """Digits of the longer operand."""
        return max(len(str(self.a)), len(str(self.b)))

    @property
    def num_carries(self) -> int | None:
        """Carries of a sum; borrows of a difference, the smaller number taken from the larger; None for a product."""
        if self.op == "x":
            return None
        high, low = max(self.a, self.b), min(self.a, self.b)
        count = carry = 0
        while high or low:
            column = high % 10 + low % 10 + carry if self.op == "+" else high % 10 - low % 10 - carry
            carry = int(column > 9 or column < 0)
            count += carry
            high, low = high // 10, low // 10
        return count


def split_of(problem: Problem) -> Split:
    """The split that a problem belongs to, always and everywhere."""
    a, b = problem.a, problem.b
    if problem.op != "-" and a > b:
        a, b = b, a
    return split_by_hash(f"{a}{problem.op}{b}", VALIDATION_FRACTION, TEST_FRACTION)


def render(problem: Problem, style: Style, form: TranscriptFormat = HUMAN_ASSISTANT) -> tuple[str, str]:
    """The prompt and the target, which follow one another in a text.

    plain: "12+7=" and "19". qa: the wording of the GPT-3 tasks (Brown et al. 2020) as lm-eval's `arithmetic` asks it,
    "Question: What is 12 plus 7?\\nAnswer:" and " 19". chat: a conversation in the format `form`, by default
    "Human: What is 12 plus 7?\\n\\nAssistant:" and " 19".
    """
    if style == "plain":
        return f"{problem.a}{problem.op}{problem.b}=", str(problem.answer)
    question, answer = _turns(problem)
    if style == "qa":
        return f"Question: {question.text}\nAnswer:", f" {answer.text}"
    return form.open_turn(Transcript((question,)), ASSISTANT), form.body(answer)


def few_shot_prompt(
    problem: Problem, shots: Sequence[Problem], style: Style, form: TranscriptFormat = HUMAN_ASSISTANT
) -> str:
    """The prompt of a problem after solved ones."""
    if style == "chat":
        solved_ones = [turn for shot in shots for turn in _turns(shot)]
        return form.open_turn(Transcript((*solved_ones, _turns(problem)[0])), ASSISTANT)
    return _SEPARATOR[style].join([*("".join(render(shot, style)) for shot in shots), render(problem, style)[0]])


def solved(problems: Sequence[Problem], style: Style, form: TranscriptFormat = HUMAN_ASSISTANT) -> str:
    """A text of problems with their answers."""
    if style == "chat":
        return form.render(Transcript(tuple(turn for problem in problems for turn in _turns(problem))))
    return _SEPARATOR[style].join("".join(render(problem, style)) for problem in problems)


def stop_text(style: Style, form: TranscriptFormat = HUMAN_ASSISTANT) -> str:
    """What a completion writes once it has answered."""
    return form.stop_text(HUMAN) if style == "chat" else _SEPARATOR[style]


def _turns(problem: Problem) -> tuple[Turn, Turn]:
    question = f"What is {problem.a} {_WORDS[problem.op]} {problem.b}?"
    return Turn(HUMAN, question), Turn(ASSISTANT, str(problem.answer))


def problems(
    split: Split,
    n: int,
    seed: int,
    operations: Sequence[Operation] = ("+", "-"),
    min_digits: int = 1,
    max_digits: int = 2,
) -> list[Problem]:
    """Up to n different problems of a split; fewer only where the split has no more.

    Sizes and operations take turns. A larger n gives the same problems and then more. ValueError for n above
    MOST_PROBLEMS.
    """
    if n > MOST_PROBLEMS:
        raise ValueError(f"{n} problems were asked for; at most {MOST_PROBLEMS} can be. Ask for fewer.")
    rng = random.Random(f"problems {split} {seed}")
    turns = [_distinct(split, rng, *kind) for kind in _kinds(operations, min_digits, max_digits)]
    rng.shuffle(turns)
    found: list[Problem] = []
    while turns and len(found) < n:
        going_on = []
        for turn in turns:
            problem = next(turn, None)
            if problem is not None:
                found.append(problem)
                going_on.append(turn)
        turns = going_on
    return found[:n]


def draw(
    split: Split, rng: random.Random, operations: Sequence[Operation], min_digits: int, max_digits: int
) -> Iterator[Problem]:
    """Problems of a split without end, repeated ones among them; none where the split has none."""
    kinds = [kind for kind in _kinds(operations, min_digits, max_digits) if _has_any(split, *kind)]
    while kinds:
        op, digits_a, digits_b = rng.choice(kinds)
        listed = _listed(split, op, digits_a, digits_b)
        yield rng.choice(listed) if listed is not None else _drawn(split, rng, op, digits_a, digits_b)


def count_problems_in_text(texts: Iterable[str], problems: Iterable[Problem]) -> int:
    """How many of the problems occur in any of the texts: asked in any style, with or without an answer."""
    wanted = frozenset(problems)
    found: set[Problem] = set()
    for text in texts:
        found.update(wanted.intersection(problems_in_text(text)))
    return len(found)


# "12+7=", "12 + 7 =", "What is 12 + 7"; "12 plus 7". Not a part of a longer sum or number.
_IN_SIGNS = re.compile(r"(?<![\d.,+x=-])(\d+) ?([+x-]) ?(\d+)(?= ?=)")
_IN_SIGNS_ASKED = re.compile(r"[Ww]hat(?: i|')s (\d+) ?([+x-]) ?(\d+)(?!\d)")
_IN_WORDS = re.compile(r"(?<![\d.,])(\d+) (plus|minus|times) (\d+)(?!\d)")
# What every text must have to hold a problem; quick to look for.
_ANY_PROBLEM = re.compile(r"\d(?: ?[+x-] ?| (?:plus|minus|times) )\d")
_SIGNS: dict[str, Operation] = {**{sign: sign for sign in OPERATIONS}, **{word: op for op, word in _WORDS.items()}}


def problems_in_text(text: str) -> Iterator[Problem]:
    """Every problem that occurs in a text, asked in any style, with or without an answer; repeated ones each time."""
    for pattern in (_IN_SIGNS, _IN_SIGNS_ASKED, _IN_WORDS) if _ANY_PROBLEM.search(text) else ():
        for a, sign, b in pattern.findall(text):
            # Longer numbers are no operands of ours (and Python refuses to read the very longest).
            if max(len(a), len(b)) <= 2 * MAX_DIGITS:
                yield Problem(int(a), _SIGNS[sign], int(b))


Kind = tuple[Operation, int, int]
"""An operation and the digits of both operands."""


def _kinds(operations: Sequence[Operation], min_digits: int, max_digits: int) -> list[Kind]:
    sizes = range(min_digits, max_digits + 1)
    return list(itertools.product(operations, sizes, sizes))


def _numbers(digits: int) -> range:
    """All numbers of that many digits."""
    return range(0 if digits == 1 else 10 ** (digits - 1), 10**digits)


def _all(split: Split, op: Operation, digits_a: int, digits_b: int) -> Iterator[Problem]:
    """All problems of a kind that belong to a split, in order."""
    every = (Problem(a, op, b) for a in _numbers(digits_a) for b in _numbers(digits_b))
    return (problem for problem in every if split_of(problem) == split)


@lru_cache(maxsize=512)
def _listed(split: Split, op: Operation, digits_a: int, digits_b: int) -> tuple[Problem, ...] | None:
    """The same as a list; None where they are too many."""
    if len(_numbers(digits_a)) * len(_numbers(digits_b)) > _MOST_LISTED:
        return None
    return tuple(_all(split, op, digits_a, digits_b))


def _has_any(split: Split, op: Operation, digits_a: int, digits_b: int) -> bool:
    return _listed(split, op, digits_a, digits_b) != ()


def _drawn(split: Split, rng: random.Random, op: Operation, digits_a: int, digits_b: int) -> Problem:
    """Any problem of a kind that has many."""
    while True:
        problem = Problem(rng.choice(_numbers(digits_a)), op, rng.choice(_numbers(digits_b)))
        if split_of(problem) == split:
            return problem


def _distinct(split: Split, rng: random.Random, op: Operation, digits_a: int, digits_b: int) -> Iterator[Problem]:
    """Different problems of a kind; all there are, or without end where they are many."""
    rng = random.Random(rng.random())
    listed = _listed(split, op, digits_a, digits_b)
    if listed is not None:
        yield from rng.sample(listed, len(listed))
        return
    seen: set[Problem] = set()
    num_repeated = 0
    # Where most draws hit what is seen already, the rest is listed: drawing would never see the end.
    while num_repeated <= len(seen) + 1_000:
        problem = _drawn(split, rng, op, digits_a, digits_b)
        if problem in seen:
            num_repeated += 1
        else:
            seen.add(problem)
            yield problem
    rest = [problem for problem in _all(split, op, digits_a, digits_b) if problem not in seen]
    yield from rng.sample(rest, len(rest))
