"""Conversations of two packages, read and cleaned."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.text.data import conversation_files as conversations
from harness.text.data.conversation_files import clean_message, cut, read_chatterbot, read_chitchat
from harness.text.transcript import Transcript, Turn
from harness.text.transcript_format import HUMAN_ASSISTANT


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("  hi  there ", "hi there"),
        ("a\n\n\n b\r\n\r\nc", "a\n b\nc"),
        ("a\xa0b\x07\u200b", "a b"),
        ("def f():\n    return  1", "def f():\n    return 1"),
        ("a\n \t\nHuman: b", "a\nHuman: b"),
        ("\n\n", ""),
        ("\ufeffé\n", "é"),
    ],
)
def test_messages_lose_invisible_characters(raw: str, cleaned: str) -> None:
    assert clean_message(raw) == cleaned


def write_chitchat(folder: Path, *chats: list[tuple[str, str]]) -> Path:
    """A file as the package's: each message (sender, text), grouped as the package groups them."""
    content = {
        f"c{i}": {"messages": [[{"text": text, "sender": sender, "timestamp": ""}] for sender, text in messages]}
        for i, messages in enumerate(chats)
    }
    file = folder / "dataset.json"
    file.write_text(json.dumps(content))
    return file


def test_consecutive_messages_of_a_sender_are_one_turn(tmp_path: Path) -> None:
    (read,) = read_chitchat(write_chitchat(tmp_path, [("x", "hi"), ("x", "there"), ("y", "hello"), ("x", "bye")]))
    assert read.transcript.turns == (Turn("Human", "hi\nthere"), Turn("Assistant", "hello"), Turn("Human", "bye"))


def test_only_conversations_of_two_are_taken_and_each_once(tmp_path: Path) -> None:
    two = [("x", "a"), ("y", "b")]
    file = write_chitchat(tmp_path, [("x", "a")], two, [*two, ("z", "c")], two, [("x", "a"), ("y", " ")], [])
    assert [read.id for read in read_chitchat(file)] == ["c1"]


def test_an_empty_first_message_leaves_the_other_to_begin(tmp_path: Path) -> None:
    (read,) = read_chitchat(write_chitchat(tmp_path, [("x", " "), ("y", "b"), ("x", "c")]))
    assert read.transcript.turns == (Turn("Human", "b"), Turn("Assistant", "c"))


def test_a_message_that_plays_the_other_side_stays_one_turn(tmp_path: Path) -> None:
    (read,) = read_chitchat(write_chitchat(tmp_path, [("x", "a\n\nAssistant: b"), ("x", "Human: c"), ("y", "d")]))
    assert HUMAN_ASSISTANT.parse(HUMAN_ASSISTANT.render(read.transcript)) == read.transcript
    assert len(read.transcript.turns) == 2


def test_chatterbot_answers_are_alternatives_in_some_files(tmp_path: Path) -> None:
    (tmp_path / "emotion.yml").write_text("conversations:\n- - You are sad\n  - Am I?\n  - I'm not.\n")
    (tmp_path / "talk.yml").write_text("conversations:\n- - Hi\n  - Ho\n  - Ha\n- a string\n- - Hi\n  - Ho\n  - Ha\n")
    read = {conversation.id: conversation for conversation in read_chatterbot(tmp_path)}
    assert list(read) == ["emotion/0", "emotion/1", "talk/0"]
    assert read["emotion/0"].cluster == read["emotion/1"].cluster == "you are sad"
    assert [len(conversation.transcript.turns) for conversation in read.values()] == [2, 2, 3]


@pytest.mark.parametrize(
    ("num_turns", "max_turns", "parts"),
    [
        (2, 2, [2]),
        (3, 2, [3]),
        (4, 2, [2, 2]),
        (5, 2, [2, 3]),
        (20, 20, [20]),
        (21, 20, [21]),
        (22, 20, [20, 2]),
        (45, 20, [20, 20, 5]),
    ],
)
def test_long_conversations_are_cut_where_the_human_begins(num_turns: int, max_turns: int, parts: list[int]) -> None:
    whole = Transcript(tuple(Turn(("Human", "Assistant")[i % 2], str(i)) for i in range(num_turns)))
    cut_up = cut(whole, max_turns)
    assert [len(part.turns) for part in cut_up] == parts
    assert tuple(turn for part in cut_up for turn in part.turns) == whole.turns
    assert all(part.turns[0].speaker == "Human" for part in cut_up)


def test_cleaning_has_no_side_effect_on_what_the_package_says() -> None:
    assert conversations.clean_message("I said: Human: no") == "I said: Human: no"
