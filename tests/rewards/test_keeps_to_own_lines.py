"""A reply has lines of others, or not."""

from __future__ import annotations

import pytest

from rewards.keeps_to_own_lines import KeepsToOwnLines
from tests.harness.text.formats import CHATML
from tests.rewards.replies import reply


@pytest.mark.parametrize(
    ("text", "expected"),
    [(" Hi.", 1), ("", 1), (" Hi.\n\nStranger: Boo.", 0), (" Hi.\n\nAssistant: Again.", 0), (" I say\n\nno more", 1)],
)
def test_a_label_is_of_somebody_else(text: str, expected: float) -> None:
    assert KeepsToOwnLines().score(reply(text)) == expected


def test_the_format_says_what_a_label_looks_like() -> None:
    other = reply("Hi.<|im_end|>\n<|im_start|>stranger\nBoo.")
    assert KeepsToOwnLines(format=CHATML).score(other) == 0
    assert KeepsToOwnLines(format=CHATML).score(reply("Hi.\n\nHuman: ok")) == 1
