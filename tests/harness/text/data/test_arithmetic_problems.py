from __future__ import annotations

import random
from collections import Counter
from itertools import islice, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.text.data.arithmetic_problems import OPERATIONS, Operation, Problem, draw, problems, split_of
from harness.text.data.corpus import SPLITS

any_problem = st.builds(Problem, st.integers(0, 99_999), st.sampled_from(OPERATIONS), st.integers(0, 99_999))


@pytest.mark.parametrize(
    ("problem", "answer", "digits", "num_carries"),
    [
        (Problem(12, "+", 7), 19, 2, 0),
        (Problem(98, "+", 45), 143, 2, 2),
        (Problem(999, "+", 1), 1000, 3, 3),
        (Problem(45, "-", 12), 33, 2, 0),
        (Problem(12, "-", 45), -33, 2, 0),
        (Problem(100, "-", 1), 99, 3, 2),
        (Problem(1, "-", 100), -99, 3, 2),
        (Problem(5, "-", 5), 0, 1, 0),
        (Problem(12, "x", 12), 144, 2, None),
        (Problem(0, "+", 0), 0, 1, 0),
    ],
)
def test_answers_digits_and_carries(problem: Problem, answer: int, digits: int, num_carries: int | None) -> None:
    assert (problem.answer, problem.digits, problem.num_carries) == (answer, digits, num_carries)


@given(a=st.integers(0, 99_999), b=st.integers(0, 99_999))
def test_carries_are_what_the_digit_sums_say(a: int, b: int) -> None:
    """Kummer / Legendre: digits(a) + digits(b) - digits(a + b) = 9 times the carries, summed over digits."""

    def digit_sum(number: int) -> int:
        return sum(map(int, str(number)))

    assert 9 * (Problem(a, "+", b).num_carries or 0) == digit_sum(a) + digit_sum(b) - digit_sum(a + b)
    high, low = max(a, b), min(a, b)
    assert Problem(a, "-", b).num_carries == Problem(high - low, "+", low).num_carries


# --- splits


@given(problem=any_problem)
def test_problems_that_say_the_same_fact_are_in_one_split(problem: Problem) -> None:
    """12+7=19 also says 7+12=19, 19-7=12, 19-12=7, 7-19=-12 and 12-19=-7."""
    a, b, c = problem.a, problem.b, problem.answer
    if problem.op == "+":
        alike = [(a, "+", b), (b, "+", a), (c, "-", a), (c, "-", b), (a, "-", c), (b, "-", c)]
    elif problem.op == "-":
        alike = [(a, "-", b), (b, "-", a), (b, "+", c) if c >= 0 else (a, "+", -c)]
    else:
        alike = [(a, "x", b), (b, "x", a)]
    assert {Problem(*same).fact for same in alike} == {problem.fact}
    assert {split_of(Problem(*same)) for same in alike} == {split_of(problem)}


def test_different_facts_have_different_names() -> None:
    """Against a plain listing: a fact is an addition of two parts, or a product."""
    facts = {}
    for op in OPERATIONS:
        for a, b in product(range(13), repeat=2):
            parts = (a, b) if op in "+x" else (min(a, b), abs(a - b))
            facts.setdefault(Problem(a, op, b).fact, set()).add((op == "x", *sorted(parts)))
    assert all(len(said) == 1 for said in facts.values())
    assert len({fact for said in facts.values() for fact in said}) == len(facts)


def test_splits_of_problems_never_change() -> None:
    """A frozen sample: if this fails, stored results were made with other test problems."""
    letter = {"train": ".", "validation": "v", "test": "t"}
    operands = product((0, 7, 42, 905), OPERATIONS, (3, 8, 58, 61))
    letters = "".join(letter[split_of(Problem(a, op, b))] for a, op, b in operands)
    assert letters == "tv..tv..v.t....t.t........v.t....v.v.t....v...v."


@pytest.mark.parametrize("op", OPERATIONS)
def test_every_problem_belongs_to_one_split_and_each_split_has_small_ones(op: Operation) -> None:
    drawn = [set(problems(split, 1000, seed=0, operations=(op,), min_digits=1, max_digits=1)) for split in SPLITS]
    assert all(drawn)
    assert set().union(*drawn) == {Problem(a, op, b) for a in range(10) for b in range(10)}
    assert sum(map(len, drawn)) == 100


@pytest.mark.parametrize("digits", [(1, 1), (1, 2), (2, 3), (1, 5)])
def test_problems_of_different_splits_are_disjoint(digits: tuple[int, int]) -> None:
    drawn = [set(problems(split, 3000, 0, OPERATIONS, *digits)) for split in SPLITS]
    assert len(set().union(*drawn)) == sum(map(len, drawn))
    assert all(split_of(problem) == split for split, chosen in zip(SPLITS, drawn, strict=True) for problem in chosen)


# --- drawing


def test_a_larger_n_gives_the_same_problems_and_then_more() -> None:
    assert problems("test", 500, 3)[:40] == problems("test", 40, 3)


def test_another_seed_gives_other_problems() -> None:
    assert problems("test", 40, 0) == problems("test", 40, 0) != problems("test", 40, 1)


def test_problems_are_distinct_and_all_there_are_when_more_are_asked() -> None:
    drawn_problems = problems("test", 100_000, 0, ("+",), 1, 2)
    every = (Problem(a, "+", b) for a in range(100) for b in range(100))
    assert sorted(drawn_problems) == sorted(problem for problem in every if split_of(problem) == "test")


def test_a_large_kind_is_exhausted_too() -> None:
    drawn_problems = problems("validation", 20_000, 0, ("-",), 2, 3)
    assert len(drawn_problems) == len(set(drawn_problems)) == 20_000


@pytest.mark.parametrize("max_digits", [2, 3, 5])
def test_sizes_and_operations_are_balanced(max_digits: int) -> None:
    kinds = 2 * max_digits**2
    n = kinds * 4
    counts = Counter(
        (problem.op, len(str(problem.a)), len(str(problem.b)))
        for problem in problems("train", n, 0, ("+", "-"), 1, max_digits)
    )
    assert len(counts) == kinds
    assert set(counts.values()) == {4}


def test_drawing_gives_all_sizes_about_equally_often() -> None:
    drawn = islice(draw("train", random.Random(0), ("+", "-"), 1, 2), 4000)
    counts = Counter((len(str(problem.a)), len(str(problem.b))) for problem in drawn)
    assert all(count == pytest.approx(1000, abs=120) for count in counts.values())


def test_in_a_share_of_the_draws_every_number_is_equally_likely() -> None:
    drawn = islice(draw("train", random.Random(0), ("+",), 1, 3, even_sizes=0.5), 4000)
    long = sum(len(str(problem.a)) == len(str(problem.b)) == 3 for problem in drawn)
    # half of a ninth, and half of 0.9 * 0.9
    assert long / 4000 == pytest.approx(0.5 / 9 + 0.5 * 0.81, abs=0.03)


def test_asking_for_too_many_problems_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 100000"):
        problems("test", 100_001, 0)
