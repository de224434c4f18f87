"""An answer is right, wrong, or not asked for."""

from __future__ import annotations

import pytest

from rewards.right_answer import RightAnswer
from tests.rewards.replies import reply


@pytest.mark.parametrize(
    ("text", "target", "expected"),
    [
        ("19", "19", 1),
        (" 19 is it", "19", 1),
        ("12+7=19", "19", 1),
        ("190", "19", 0),
        ("-19", "19", 0),
        ("-33", "-33", 1),
        ("1,000", "1000", 1),
        ("", "19", 0),
        ("19", None, None),
        ("19", " I am fine.", None),
    ],
)
def test_the_first_number_is_the_answer(text: str, target: str | None, expected: float | None) -> None:
    assert RightAnswer().score(reply(text, target=target)) == expected


def test_answers_may_begin_with_their_units() -> None:
    assert RightAnswer(reversed_answers=True).score(reply("91", target="91")) == 1
    assert RightAnswer(reversed_answers=True).score(reply("33-", target="33-")) == 1
    assert RightAnswer(reversed_answers=True).score(reply("19", target="91")) == 0
