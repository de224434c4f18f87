"""Problems a op b, and their splits. How they are written: arithmetic_wording.py.

Operands have 1 to 5 digits (one digit: 0 to 9). A difference may be negative: "12-45=-33". A problem's split
follows from a hash of its fact. Problems that say the same fact are in the same split, so knowing one from training
doesn't help with another in test: 12+7=19, 7+12=19, 19-7=12, 19-12=7, 7-19=-12 and 12-19=-7 are one fact; so are 3x4=12
and 4x3=12.

Sizes are drawn before numbers: every pair of operand sizes is equally likely, because otherwise almost all numbers
would be large. In a part of the training data, every number may be equally likely instead.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

from harness.text.data.corpus import Split
from harness.text.data.splitting import split_by_hash

Operation = Literal["+", "-", "x"]
OPERATIONS: tuple[Operation, ...] = get_args(Operation)
MAX_DIGITS = 5

VALIDATION_FRACTION = 0.1
"""Share of all problems for validation. A constant, so that all data sets and evals agree."""
TEST_FRACTION = 0.15
"""Share of all problems for test."""

MOST_PROBLEMS = 100_000
"""The most problems that one call can ask for."""
# Kinds with up to this many problems are listed; from larger ones, problems are drawn at random.
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
    def fact(self) -> str:
        """What the problem is about, the same for all that say the same: "7+12" of 12+7, 19-12 and 7-19."""
        if self.op == "-":
            parts = sorted((min(self.a, self.b), abs(self.a - self.b)))
            return f"{parts[0]}+{parts[1]}"
        return f"{min(self.a, self.b)}{self.op}{max(self.a, self.b)}"

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
    """The split that a problem belongs to; the same everywhere."""
    return split_by_hash(problem.fact, VALIDATION_FRACTION, TEST_FRACTION)


def problems(
    split: Split,
    n: int,
    seed: int,
    operations: Sequence[Operation] = ("+", "-"),
    min_digits: int = 1,
    max_digits: int = 2,
) -> list[Problem]:
    """Up to n different problems of a split; fewer only where the split has no more.

    Sizes and operations alternate. A larger n gives the same problems, then more. ValueError for n above
    MOST_PROBLEMS.
    """
    if n > MOST_PROBLEMS:
        raise ValueError(f"{n} problems are not allowed: at most {MOST_PROBLEMS}. Ask for fewer.")
    rng = random.Random(f"problems {split} {seed}")
    turns = [_distinct(split, rng, *kind) for kind in _kinds(operations, min_digits, max_digits)]
    rng.shuffle(turns)
    chosen: list[Problem] = []
    while turns and len(chosen) < n:
        unfinished = []
        for turn in turns:
            problem = next(turn, None)
            if problem is not None:
                chosen.append(problem)
                unfinished.append(turn)
        turns = unfinished
    return chosen[:n]


def draw(
    split: Split,
    rng: random.Random,
    operations: Sequence[Operation],
    min_digits: int,
    max_digits: int,
    even_sizes: float = 1.0,
) -> Iterator[Problem]:
    """An endless sequence of a split's problems, with repetitions; empty where the split has none.

    even_sizes: the share in which all pairs of sizes are equally likely; in the rest all pairs of numbers are.
    """
    kinds = [kind for kind in _kinds(operations, min_digits, max_digits) if _has_any(split, *kind)]
    num_problems = [len(_numbers(digits_a)) * len(_numbers(digits_b)) for _, digits_a, digits_b in kinds]
    while kinds:
        if even_sizes == 1 or rng.random() < even_sizes:
            op, digits_a, digits_b = rng.choice(kinds)
        else:
            [(op, digits_a, digits_b)] = rng.choices(kinds, num_problems)
        listed = _listed(split, op, digits_a, digits_b)
        yield rng.choice(listed) if listed is not None else _drawn(split, rng, op, digits_a, digits_b)


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
    """The same, as a tuple; None where there are too many."""
    if len(_numbers(digits_a)) * len(_numbers(digits_b)) > _MOST_LISTED:
        return None
    return tuple(_all(split, op, digits_a, digits_b))


def _has_any(split: Split, op: Operation, digits_a: int, digits_b: int) -> bool:
    return _listed(split, op, digits_a, digits_b) != ()


def _drawn(split: Split, rng: random.Random, op: Operation, digits_a: int, digits_b: int) -> Problem:
    """A random problem of a kind with many."""
    while True:
        problem = Problem(rng.choice(_numbers(digits_a)), op, rng.choice(_numbers(digits_b)))
        if split_of(problem) == split:
            return problem


def _distinct(split: Split, rng: random.Random, op: Operation, digits_a: int, digits_b: int) -> Iterator[Problem]:
    """Different problems of a kind, in random order, until there are no more."""
    rng = random.Random(rng.random())
    listed = _listed(split, op, digits_a, digits_b)
    if listed is not None:
        yield from rng.sample(listed, len(listed))
        return
    seen: set[Problem] = set()
    num_repeated = 0
    # When most draws repeat, list the rest: drawing alone would never end.
    while num_repeated <= len(seen) + 1_000:
        problem = _drawn(split, rng, op, digits_a, digits_b)
        if problem in seen:
            num_repeated += 1
        else:
            seen.add(problem)
            yield problem
    rest = [problem for problem in _all(split, op, digits_a, digits_b) if problem not in seen]
    yield from rng.sample(rest, len(rest))
