"""A rating is one line of JSON, whatever a model wrote."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.completion.sequence import Completion
from harness.ratings.rating import Pair, Rating, Written, rating_in
from tests.harness.ratings.made import rating, written


@given(st.text(), st.text())
def test_a_rating_comes_back_from_its_line(a: str, b: str) -> None:
    made = rating(a, b)
    assert rating_in(made.line) == made
    assert made.line.count(b"\n") == 1


def test_a_line_can_be_read_by_a_person() -> None:
    line = json.loads(rating("Yes, sir.", "No.").line)
    assert line["pair"]["a"] == {"text": "Yes, sir.", "finish_reason": "stop", "stop_text": "\n\n", "writer": "x"}
    assert (line["choice"], line["p"], line["shown_first"], line["rater"]) == ("a", 1.0, "a", "anna")


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (b"", "not valid JSON"),
        (b"not json", "not valid JSON"),
        (b"\xff", "not valid JSON"),
        (b"{}", "pair: Field required"),
        (b"[1]", "should be a dictionary"),
        (rating().line.replace(b'"p": 1.0', b'"p": 2.0'), "p=2.0 is not allowed with choice=a"),
        (rating().line.replace(b'"p": 1.0', b'"p": null'), "p=None is not allowed with choice=a"),
        (
            rating().line.replace(b'"choice": "a"', b'"choice": "c"'),
            "choice: Input should be 'a', 'b', 'tie' or 'skip'",
        ),
        (rating().line.replace(b'"choice": "a"', b'"choice": "skip"'), "p=1.0 is not allowed with choice=skip"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_rating_is_refused(wrong: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(why)):
        rating_in(wrong)


def test_the_whole_of_a_reply_has_the_text_that_hands_over() -> None:
    handed_over = Written.of(Completion("Yes.", (1,), (0.0,), (0.0,), "stop", "\n\nHuman:"), "me")
    assert (handed_over.whole, handed_over.writer) == ("Yes.\n\nHuman:", "me")
    assert Written.of(Completion("Ye", (1,), (0.0,), (0.0,), "length", None)).whole == "Ye"


def test_half_a_character_is_stored_as_a_question_mark() -> None:
    assert Written.of(Completion("a\udc80", (1,), (0.0,), (0.0,), "stop", None)).text == "a?"


def test_pairs_have_different_ids_where_anything_differs() -> None:
    pair = rating().pair
    others = [
        replace(pair, prompt="x"),
        replace(pair, a=pair.b, b=pair.a),
        replace(pair, a=written("yes", "z")),
        replace(pair, a=written("yes", "x", stop_text=None)),
    ]
    assert len({each.id for each in (pair, *others)}) == 5
    assert Pair(pair.prompt, pair.cluster, pair.a, pair.b).id == pair.id


def test_the_reply_that_was_shown_first_was_chosen_or_not() -> None:
    assert [rating(choice=choice, first="b").chosen_first for choice in ("a", "b", "tie", "skip")] == [0, 1, None, None]


def test_a_skip_says_nothing() -> None:
    made: Rating = rating(choice="skip")
    assert made.p is None
