"""The gold utility is a product of four shares that can be checked by hand."""

from __future__ import annotations

import pytest

from harness.ratings.gold import GoldUtility, within_reason
from harness.text.words import words_in
from tests.harness.ratings.made import written

KNOWN = frozenset(words_in("the cat sat on a mat and then it saw another weather today what do you think"))
GOLD = GoldUtility(KNOWN, usual=frozenset({"then"}))
PROMPT = "Human: What do you think of the weather today?\n\nAssistant:"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 0.0),
        ("x" * 10, 0.5),
        ("x" * 20, 1.0),
        ("x" * 160, 1.0),
        ("x" * 240, 0.5),
        ("x" * 320, 0.0),
        ("x" * 1000, 0.0),
    ],
)
def test_a_reply_is_neither_short_nor_long(text: str, expected: float) -> None:
    assert within_reason(written(f" {text} ")) == pytest.approx(expected)


def test_a_reply_that_doesn_t_hand_over_is_worth_nothing() -> None:
    assert GOLD(PROMPT, written("the cat sat on a mat and then", stop_text=None)) == 0


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("the cat sat on a mat and then", 0.5),  # nothing of the prompt's
        ("the cat saw it, weather and mat", 1.0),  # shares weather
        ("the cat saw zork, weather zork mat", 5 / 7),  # two of seven words are unknown
        ("do you think the weather saw it", 4 / 5),  # one of five runs of three words is an echo
        ("what do you think of the weather today", 0.0),  # an echo, of a prompt's every run
        ("1234567890 1234567890", 0.0),  # no words
    ],
)
def test_the_other_shares_are_of_its_words(reply: str, expected: float) -> None:
    value = GOLD(PROMPT, written(reply))
    if reply.startswith("what do"):
        assert value == pytest.approx(0)
    else:
        assert value == pytest.approx(expected)


def test_short_and_usual_words_are_no_topic() -> None:
    gold = GoldUtility(KNOWN, usual=frozenset({"weather"}))
    assert gold(PROMPT, written("the cat saw it, weather and mat")) == pytest.approx(0.5)


def test_a_reply_of_two_words_is_one_run() -> None:
    assert GOLD("say the cat", written("the cat!!!!!!!!!!!!!")) == 0


def test_words_of_a_text_are_known_from_the_second_time_on() -> None:
    gold = GoldUtility.of(["The cat. The dog!", "A cat?"])
    assert gold.known == {"the", "cat"}
    assert gold.usual == {"the", "cat", "dog", "a"}
