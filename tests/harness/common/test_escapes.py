"""Texts with escapes, as a shell passes them."""

from __future__ import annotations

import pytest

from harness.common.escapes import escaped, unescaped


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (r"\n\n", "\n\n"),
        (r"a\tb\r", "a\tb\r"),
        (r"\x1f\u2028", "\x1f\u2028"),
        (r"\\n", r"\n"),
        (r"\d\x1", r"\d\x1"),
        ("\n", "\n"),
    ],
)
def test_escapes_are_characters_and_other_backslashes_stay(typed: str, meant: str) -> None:
    assert unescaped(typed) == meant


@pytest.mark.parametrize("text", ["", "a\nb\t", "\\n", "\\\\x41", "é\u2028\r"])
def test_an_escaped_text_is_on_one_line_and_comes_back(text: str) -> None:
    assert unescaped(escaped(text)) == text
    assert "\n" not in escaped(text)
