"""What a rater is asked, and in which order. Sessions at a terminal are in test_asking.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.ratings.bank import Bank
from harness.ratings.questions import Question, Questions, rater_name
from tests.harness.ratings.made import pair, rating

PAIRS = [pair(f"one {n}", f"two {n}", n) for n in range(30)]


def asked(questions: Questions) -> Question:
    question = questions.next(lambda: PAIRS)
    assert question is not None
    return question


def test_a_question_stays_until_it_is_answered(tmp_path: Path) -> None:
    questions = Questions(Bank(tmp_path / "mine"), "anna")
    first = asked(questions)
    assert asked(questions) == first
    assert first.pair == PAIRS[0]
    questions.answer(first, "a", 1.5)
    assert asked(questions).pair == PAIRS[1]
    [kept] = questions.bank.ratings()
    assert (kept.choice, kept.seconds, kept.rater) == (first.first, 1.5, "anna")


def test_what_is_taken_back_is_asked_again_and_then_what_was_asked_before(tmp_path: Path) -> None:
    questions = Questions(Bank(tmp_path / "mine"), "anna")
    for _ in range(2):
        questions.answer(asked(questions), "b", None)
    third = asked(questions)
    questions.take_back(third)
    again = asked(questions)
    questions.take_back(again)
    assert [asked(questions).pair, again.pair, third.pair] == PAIRS[:3]
    order = []
    while len(order) < 3:
        order.append(asked(questions))
        questions.answer(order[-1], "t", None)
    assert [question.pair for question in order] == PAIRS[:3]
    assert [each.choice for each in questions.bank.ratings()] == ["tie"] * 3
    assert len(questions.given) == 3


def test_pairs_of_the_bank_come_first_and_every_tenth_is_a_repeat(tmp_path: Path) -> None:
    bank = Bank(tmp_path / "mine")
    other = rating(rater="bert")
    bank.add(other)
    questions = Questions(bank, "anna")
    assert asked(questions).pair == other.pair
    repeats = []
    for number in range(1, 21):
        question = asked(questions)
        repeats += [number] if question.is_repeat else []
        questions.answer(question, "a", None)
    assert repeats == [10, 20]
    assert Questions(bank, "anna").next(lambda: PAIRS[:3]) is None
    assert Questions(bank, "anna").next(lambda: PAIRS[:25]) is not None


@pytest.mark.parametrize("name", ["", " ", "a\nb", "Simulatd", "simulated "])
def test_names_of_raters(name: str) -> None:
    if name.strip() == "simulated":
        assert rater_name(name) == "simulated"
    else:
        with pytest.raises(ValueError, match=r"can't be a rater's name|too much like simulated"):
            rater_name(name)
    assert rater_name(" anna ") == "anna"
