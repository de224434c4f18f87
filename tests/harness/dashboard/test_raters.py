"""One rater for each name, bank and writers, and no more of them than are kept."""

from __future__ import annotations

from pathlib import Path

from harness.dashboard.raters import Raters
from harness.ratings.bank import Bank
from tests.harness.ratings.made import rating


def test_the_same_rater_goes_on_and_others_are_apart(tmp_path: Path) -> None:
    raters, bank = Raters(), Bank(tmp_path / "mine")
    bank.add(rating(rater="bert"))
    anna = raters.get(bank, "anna", ("x",))
    assert raters.get(Bank(tmp_path / "mine"), "anna", ("x",)) is anna
    assert raters.get(bank, "anna", ()) is not anna
    assert raters.get(bank, "carl", ("x",)) is not anna
    for number in range(60):
        raters.get(bank, f"rater {number}", ())
    assert raters.get(bank, "anna", ("x",)) is not anna  # who didn't rate for longest begins a new session


def test_a_token_names_a_question_and_its_place(tmp_path: Path) -> None:
    bank = Bank(tmp_path / "mine")
    bank.add(rating(rater="bert"))
    rater = Raters().get(bank, "anna", ())
    question = rater.questions.next(list)
    assert question is not None
    before = rater.token(question)
    rater.questions.answer(question, "a", None)
    assert rater.token(question) != before
