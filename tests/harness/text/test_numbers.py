"""The number rules, as a table with the difficult cases."""

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
        ("12-5", None),
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
        ("12+7=19", "19"),
        ("12 + 7 = 19", "19"),
        ("12 plus 7 is 19.", "19"),
        ("What is 12 minus 19? It is -7", "-7"),
        ("12 - 19 = - 7", "-7"),
        ("-5--12=7", "7"),
        ("12 × 7 = 84", "84"),
        ("12x7=84", "84"),
        ("1+2+3=6", "6"),
        ("12+7", None),
        ("19/20", None),
        ("38 / 2", None),
        ("12–15", None),
        ("19:30", None),
        ("Question 1: 19", "1"),
        ("19 million", "19000000"),
        ("1.5 million", "1500000"),
        ("19 Thousand", "19000"),
        ("19k", "19000"),
        ("19 k", "19"),
        ("19 kilos", "19"),
        ("19e3", "19000"),
        ("19E-1", "1.9"),
        ("19e999", None),
        ("19e" + "9" * 5000, None),
        ("9" * 5000, "9" * 5000),
        ("19%", "0.19"),
        ("19 percent", "0.19"),
        ("19 cm", "19"),
        ("19cm", "19"),
        ("19th", "19"),
        ("19-year-old", "19"),
        ("19 apples, 3 pears", "19"),
        ("minus 7", "-7"),
        ("It is Minus 7.", "-7"),
        ("negative 7", "-7"),
        ("–7", "-7"),
        ("‑7", "-7"),
        (" - 5", "-5"),
        ("– 5", "-5"),
        ("= - 5", "-5"),
        ("the answer - 5", "5"),
        ("the answer: -5", "-5"),
        ("see:\n- 5", "5"),
        ("—5", "5"),
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
        ("19.0", 19, 1.0),
        ("19e3", 19, 0.0),
        ("-0", 0, 1.0),
        ("9" * 5000, 9, 1 / 5000),
    ],
)
def test_digit_accuracy_counts_places_from_the_units(answer: str, target: int, share: float) -> None:
    assert digit_accuracy(Decimal(answer), target) == pytest.approx(share)


def test_no_answer_has_no_right_digit() -> None:
    assert digit_accuracy(None, 7) == 0.0
