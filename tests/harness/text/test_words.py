"""Words, echoes and phrases, counted by hand."""

from __future__ import annotations

import pytest

from harness.text.words import echo, has_any, words_in


def test_words_are_letters_with_apostrophes_in_small_letters() -> None:
    assert words_in("Don’t SAY 12 naïve_things") == ["don’t", "say", "naïve", "things"]


@pytest.mark.parametrize(
    ("said", "asked", "expected"),
    [
        ("a b c d", "a b c x", 1 / 2),
        ("a b c d", "b c a", 0),
        ("a b", "x a b", 1),
        ("a", "b", 0),
        ("", "a b c", 0),
        ("a b c", "", 0),
    ],
)
def test_an_echo_is_the_share_of_runs_of_three_words(said: str, asked: str, expected: float) -> None:
    assert echo(said.split(), asked.split()) == expected


def test_a_phrase_is_whole_words_in_a_row() -> None:
    said = words_in("I’m not a Robot, thank you.")
    assert has_any(said, ["no", "I'm not a robot"])
    assert has_any(said, ["thank"])
    assert not has_any(said, ["than", "a thank", "robot you", ""])
    assert not has_any([], ["a"])
