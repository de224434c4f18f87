"""The length counts characters."""

from __future__ import annotations

from rewards.length import Length
from tests.rewards.replies import reply


def test_the_length_is_in_characters() -> None:
    assert [Length().score(reply(text)) for text in ("", "ab", "\U0001f600")] == [0, 2, 1]
