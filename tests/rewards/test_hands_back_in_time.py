"""A reply is handed back in time, or not."""

from __future__ import annotations

import pytest

from rewards.hands_back_in_time import HandsBackInTime
from tests.rewards.replies import reply

STOP = "\n\nHuman:"


@pytest.mark.parametrize(
    ("text", "stop_text", "expected"),
    [
        (" Good morning!", STOP, 1),
        (" Good morning!", None, 0),
        ("", STOP, 0),
        (" \u200b\u200b", STOP, 0),
        (" I", STOP, 0),
        (" No", STOP, 1),
        (" " + "a" * 240 + " ", STOP, 1),
        (" " + "a" * 241, STOP, 0),
        (' He said "', STOP, 0),
        (" Oh no :(", STOP, 1),
    ],
)
def test_the_end_and_the_length_decide(text: str, stop_text: str | None, expected: float) -> None:
    assert HandsBackInTime().score(reply(text, stop_text)) == expected


def test_lengths_that_leave_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="longest=1 is not allowed: it must be shortest=2 or more"):
        HandsBackInTime(longest=1)
    with pytest.raises(ValueError, match="weight=0 is not allowed"):
        HandsBackInTime(weight=0)
