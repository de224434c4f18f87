"""Whose own a turn's text is, whether it is empty, whether it is left open."""

from __future__ import annotations

import pytest

from harness.text.transcript_format import HUMAN_ASSISTANT, TranscriptFormat
from harness.text.turn_text import is_empty, left_open, own_turn
from tests.harness.text.formats import CHATML


@pytest.mark.parametrize(
    ("form", "completion", "turn"),
    [
        (HUMAN_ASSISTANT, " Hi.", " Hi."),
        (HUMAN_ASSISTANT, " Hi.\n\nStranger: Boo.", " Hi."),
        (HUMAN_ASSISTANT, " Hi.\n\nAssistant: And again.", " Hi."),
        (HUMAN_ASSISTANT, " Hi.\nHuman: is no label here.", " Hi.\nHuman: is no label here."),
        (HUMAN_ASSISTANT, " I say\n\nno more", " I say\n\nno more"),
        (HUMAN_ASSISTANT, " Hi.\n\nNote: this", " Hi.\n\nNote: this"),
        (HUMAN_ASSISTANT, " Hi.\n\nAt 12: 30", " Hi.\n\nAt 12: 30"),
        (HUMAN_ASSISTANT, " Hi.\n\nuser: ok", " Hi."),
        (HUMAN_ASSISTANT, " Hi.\n\nDr. O'Neil: ok", " Hi."),
        (HUMAN_ASSISTANT, "", ""),
        (CHATML, "Hi.<|im_end|>\n<|im_start|>stranger\nBoo.", "Hi."),
        (CHATML, "Hi.\n\nHuman: ok", "Hi.\n\nHuman: ok"),
    ],
)
def test_a_turn_ends_before_the_first_text_that_looks_like_a_label(
    form: TranscriptFormat, completion: str, turn: str
) -> None:
    assert own_turn(form, completion) == turn


@pytest.mark.parametrize(
    ("turn", "is_open"),
    [
        (' A line of mine begins with "', True),
        (" like this: `", True),
        (" like this: ``` \n", True),
        (" so: “", True),
        (' I said "no"', False),
        (" the dogs'", False),
        (' He said "yes', True),
        (" I (that is me", True),
        (" Oh no :(", False),
        (" Hi.", False),
        ("", False),
    ],
)
def test_a_quotation_or_a_bracket_that_was_not_closed_is_open(turn: str, is_open: bool) -> None:
    assert left_open(turn) == is_open


@pytest.mark.parametrize(
    "turn", ["", " \t\n", "\u200b", " \ufeff\u200d ", "\u00a0\u3000", "\u2028\x07", "\u3164", "\u2800", " \u0301\ufe0f"]
)
def test_a_turn_with_nothing_visible_is_empty(turn: str) -> None:
    assert is_empty(turn)
    assert not is_empty(turn + ".")
