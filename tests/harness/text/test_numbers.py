"""The number rules, as a table with the awkward cases."""

from __future__ import annotations

from decimal import Decimal

import pytest

from evals.arithmetic import digit_accuracy
from harness.text.numbers import first_number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("19", "19"),
        (" 19", "19"),
        ("19.", "19"),
        ("The answer is 19, I think.", "19"),
        ("25", "25"),
        ("-5", "-5"),
        ("−5", "-5"),
        (" -5\n", "-5"),
        ("12-5", "12"),
        ("x-5", "5"),
        ("1,000", "1000"),
        ("1,234,567 of them", "1234567"),
        ("1,2", None),
        ("12,34", None),
        ("3.14", "3.14"),
        ("33.14", "33.14"),
        ("1.2.3", None),
        ("$40", "40"),
        ("007", "7"),
        ("19.0", "19"),
        ("", None),
        ("nineteen", None),
        ("-", None),
        ("19 20", "19"),
        ("19\n20", "19"),
        ("12+7=19", "12"),
        ("=19", "19"),
    ],
)
def test_the_first_number_of_a_text(text: str, number: str | None) -> None:
    assert first_number(text) == (None if number is None else Decimal(number))


@pytest.mark.parametrize(("wrong", "right"), [("25", 5), ("-5", 5), ("5", -5), ("3.14", 33), ("1,000", 1), ("10", 1)])
def test_a_number_that_only_looks_like_the_target_is_wrong(wrong: str, right: int) -> None:
    assert first_number(wrong) != right


@pytest.mark.parametrize(
    ("answer", "target", "share"),
    [
        ("123", 123, 1.0),
        ("124", 123, 2 / 3),
        ("23", 123, 2 / 3),
        ("1123", 123, 3 / 4),
        ("-12", 12, 2 / 3),
        ("12", -12, 2 / 3),
        ("1.5", 1, 0.0),
    ],
)
def test_digit_accuracy_counts_places_from_the_units(answer: str, target: int, share: float) -> None:
    assert digit_accuracy(Decimal(answer), target) == pytest.approx(share)


def test_no_answer_has_no_right_digit() -> None:
    assert digit_accuracy(None, 7) == 0.0
