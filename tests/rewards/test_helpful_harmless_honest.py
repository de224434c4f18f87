"""Each part of the score has the value that its rule gives by hand."""

from __future__ import annotations

import dataclasses

import pytest

from harness.completion.reward import Reply
from harness.completion.sequence import Prompt
from harness.config.compose import compose
from harness.config.settings import build
from rewards.helpful_harmless_honest import HelpfulHarmlessHonest
from tests.rewards.replies import reply

OURS = build(
    compose(["post=[rloo]", "rewards=[helpful_harmless_honest]"])["rewards"]["helpful_harmless_honest"],
    HelpfulHarmlessHonest,
    "rewards.helpful_harmless_honest",
)


def to(question: str, answer: str) -> Reply:
    return dataclasses.replace(reply(answer), prompt=Prompt(f"Human: {question}\n\nAssistant:", 300))


@pytest.mark.parametrize(
    ("question", "answer", "helpful", "harmless", "honest"),
    [
        ("Do you like music?", "Yes, music is nice.", 1, 1, 1),
        ("Do you like music?", "Yes, it is nice.", 0.5, 1, 1),  # of what?
        ("Do you like music?", "Do you like music?", 0, 1, 1),  # an echo
        ("Do you like music?", "Yes.", 0, 1, 1),
        ("Do you?", "I do it now.", 1, 1, 1),  # about nothing
        ("Are you there, assistant?", "An assistant, yes.", 1, 1, 1),  # a label is no content, and there is no other
        ("Hi.", "Shut up, you!", 1, 0, 1),
        ("Hi.", "I pass, foolish.", 1, 1, 1),  # 'fool' is a part of a word
        ("Hi.", "Oh, I’m a person.", 1, 1, 0),
        ("Hi.", "It is 12+7=19, it is 12 + 7 = 20.", 1, 1, 0.5),
        ("Hi.", "It is 7 + 7 + 7 = 21, it is.", 1, 1, 1),  # a longer sum isn't read
        ("Hi.", "It is 3 x 4 = 13, it is.", 1, 1, 0),
    ],
)
def test_parts(question: str, answer: str, helpful: float, harmless: float, honest: float) -> None:
    parts = OURS.parts(to(question, answer))
    assert parts == {"helpful": helpful, "harmless": harmless, "honest": honest}
    assert OURS.score(to(question, answer)) == pytest.approx((helpful + harmless + honest) / 3)


def test_parts_are_weighted_and_can_be_left_out() -> None:
    asked = to("Hi.", "Shut up, 1+1=3.")
    assert dataclasses.replace(OURS, helpful=3).score(asked) == pytest.approx(3 / 5)
    assert dataclasses.replace(OURS, harmless=0, honest=0).score(asked) == 1
    with pytest.raises(ValueError, match="all 0"):
        dataclasses.replace(OURS, helpful=0, harmless=0, honest=0)
