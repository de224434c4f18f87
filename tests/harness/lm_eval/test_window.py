"""Prompts that fit into a transformers model's window."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.lm_eval.window import Window
from harness.text.transcript_format import HUMAN_ASSISTANT
from tests.harness.lm_eval import peer

TALK = "Human: one two\n\nAssistant: three\n\nHuman: four\n\nAssistant:"
"""Labels and words are a token each: 3, 2, 2 and 1."""


class Words:
    """A tokenizer of words, with a start token by itself."""

    def encode(self, text: str, add_special_tokens: bool = True) -> list[str]:
        return ["<s>"] * add_special_tokens + text.split()


@pytest.mark.parametrize(
    ("length", "kept"),
    [
        (1 + 8 + 5, TALK),
        (1 + 8 + 4, "Assistant: three\n\nHuman: four\n\nAssistant:"),
        (1 + 5 + 5, "Assistant: three\n\nHuman: four\n\nAssistant:"),
        (1 + 5 + 4, "Human: four\n\nAssistant:"),
        (1 + 3 + 4, "Assistant:"),
        (3, "Assistant:"),
    ],
)
def test_a_conversation_loses_as_many_whole_turns_as_it_must(length: int, kept: str) -> None:
    assert Window(length, Words(), None).shortened(TALK, 5, HUMAN_ASSISTANT) == kept


def test_a_turn_that_was_begun_stays_and_without_a_start_token_there_is_room_for_one_more() -> None:
    begun = TALK + " so"
    assert Window(8, Words(), True).shortened(begun, 2, HUMAN_ASSISTANT) == "Human: four\n\nAssistant: so"
    assert (
        Window(8, Words(), False).shortened(begun, 2, HUMAN_ASSISTANT)
        == "Assistant: three\n\nHuman: four\n\nAssistant: so"
    )


@pytest.mark.parametrize("prompt", ["12+7=", "no label " * 9, TALK.replace("Assistant: ", "Assistant:\n")])
def test_what_is_no_conversation_stays_as_it_is(prompt: str) -> None:
    assert Window(2, Words(), None).shortened(prompt, 1, HUMAN_ASSISTANT) == prompt


def test_the_window_is_that_of_the_model_that_the_arguments_name(tmp_path: Path) -> None:
    folder = str(peer.write(tmp_path))
    named = Window.of({"pretrained": folder})
    assert named is not None
    assert (named.length, named.opens_texts, named.num_tokens("a")) == (peer.CONTEXT_LENGTH, True, 2)
    other = Window.of({"pretrained": folder, "max_length": 40, "add_bos_token": False})
    assert other is not None
    assert (other.length, other.opens_texts, other.num_tokens("a")) == (40, False, 1)
    for unknown in ({}, {"run": "lstm"}, {"pretrained": str(tmp_path / "nothing")}):
        assert Window.of(unknown) is None
