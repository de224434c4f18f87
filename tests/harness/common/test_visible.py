"""Text that is safe to look at."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.common.visible import visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\n\tb", "a\n\tb"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("user\u202egnp", "user\\u202egnp"),
        ("a\u200bb\r", "a\\u200bb\\x0d"),
        ("\U000e0001", "\\U000e0001"),
        ("\ud800", "\\ud800"),
        ("naïve 日本 😀", "naïve 日本 😀"),
    ],
)
def test_only_what_deceives_is_spelled_out(text: str, shown: str) -> None:
    assert visible(text) == shown


@settings(max_examples=50)
@given(st.text())
def test_nothing_that_could_move_a_terminal_is_left(text: str) -> None:
    shown = visible(text)
    assert all(char in "\n\t" or unicodedata.category(char)[0] != "C" for char in shown)
    assert visible(shown) == shown
