"""A sequence in progress: which of its text is final, and where it stops."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from harness.common.errors import UserError
from harness.completion.sequence import Completion, Prompt, StopFinder, Writing
from harness.text.tokenizers.byte import ByteTokenizer

TOKENIZER = ByteTokenizer()


def written(text: str, prompt: Prompt, room: int | None = None) -> Iterator[Writing]:
    """The sequence after each byte of a text."""
    writing = Writing(prompt, TOKENIZER, room)
    for number, token in enumerate(TOKENIZER.encode(text).tolist()):
        writing.add(token, -0.5 * number, -0.25 * number)
        yield writing


def test_what_may_be_the_beginning_of_a_stop_text_or_half_a_character_is_not_certain_yet() -> None:
    prompt = Prompt("x", 20, stop=("end", "dot"))
    assert [writing.certain_length() for writing in written("aénend", prompt)] == [1, 1, 2, 3, 3, 3, 3]
    assert [writing.text for writing in written("aénend", prompt)] == [
        "a",
        "a\ufffd",
        "aé",
        "aén",
        "aéne",
        "aénen",
        "aén",
    ]
    # "ed" is no beginning of "end", but its last letter is one of "dot"
    assert [writing.certain_length() for writing in written("ed", prompt)] == [0, 1]


def test_of_stop_texts_that_end_together_the_longest_is_cut_off() -> None:
    *_, writing = written("a\n\nb", Prompt("", 20, stop=("b", "\n\nb", "bc")))
    assert writing.completion() == Completion(
        "a", (97, 10, 10, 98), (-0.0, -0.5, -1.0, -1.5), (-0.0, -0.25, -0.5, -0.75), "stop", "\n\nb"
    )


def test_a_stop_text_may_begin_in_the_prompt_but_not_end_there() -> None:
    assert StopFinder(["aba"], "xaba").find("b") is None
    assert StopFinder(["aba"], "xaba").find("ba") == (0, "aba")
    assert StopFinder(["aba"], "xab").find("a") == (0, "aba")
    assert StopFinder([], "x").find("y") is None


@pytest.mark.parametrize(
    ("room", "max_new_tokens", "reasons"),
    [
        (None, 2, [None, "length"]),
        (2, 3, [None, "context"]),
        (2, 2, [None, "length"]),
    ],
)
def test_a_sequence_ends_at_its_length_or_where_its_window_is_full(
    room: int | None, max_new_tokens: int, reasons: list[str | None]
) -> None:
    assert [writing.finish_reason for writing in written("ab", Prompt("", max_new_tokens), room)] == reasons


def test_a_sequence_of_length_zero_has_ended() -> None:
    assert Writing(Prompt("a", 0), TOKENIZER).completion().finish_reason == "length"
    assert Writing(Prompt("a", 1), TOKENIZER, room=0).completion().finish_reason == "context"


def test_the_start_token_ends_a_sequence_without_a_text_of_its_own() -> None:
    *_, writing = written("ab", Prompt("", 9, stop=("c",)))
    writing.add(TOKENIZER.start_token, -1.0, -1.0)
    completion = writing.completion()
    assert (completion.text, completion.finish_reason, completion.stop_text, completion.tokens[-1]) == (
        "ab",
        "stop",
        None,
        256,
    )


def test_forks_continue_separately_and_draw_from_one_stream() -> None:
    *_, writing = written("a", Prompt("", 9, stop=("bb",), seed=7))
    expected = np.random.Generator(np.random.Philox(7)).random(3).tolist()
    fork = writing.fork()
    assert [writing.uniform(), fork.uniform(), writing.uniform()] == expected
    for token in b"bb":
        fork.add(token, -1.0, -1.0)
    writing.add(ord("b"), -1.0, -1.0)
    assert (fork.text, fork.stop_text, fork.tokens) == ("a", "bb", [*b"abb"])
    assert (writing.text, writing.stop_text, writing.finish_reason, writing.tokens) == ("ab", None, None, [*b"ab"])


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"max_new_tokens": -5}, "max_new_tokens=-5 is not allowed: a whole number, 0 or more"),
        ({"max_new_tokens": "many"}, "max_new_tokens='many'"),
        ({"stop": ("a", "")}, "a stop text is empty"),
        ({"text": 5}, r"the prompt is 5 \(int\): it must be a text"),
    ],
)
def test_a_prompt_that_could_not_be_answered_is_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        Prompt(**{"text": "a", "max_new_tokens": 1, **wrong})
