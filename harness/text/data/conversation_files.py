"""Reads and cleans the conversations of two data packages.

`chitchat-dataset` (the BYU-PCCL Chit-Chat Challenge, MIT licence): chats between people. Only conversations with
exactly two senders are used; the one who writes first is the human. Consecutive messages of one sender make one turn,
one line each: a space would run sentences together, and a line break can't be confused with the blank line between
turns.

`chatterbot-corpus` (BSD licence), its English part: mostly one question and one answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.text.transcript import ASSISTANT, HUMAN, Transcript, Turn, join_turns

# Control characters (the line break stays), the zero-width space and the byte-order mark.
_INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\ufeff]+")
# In these files of chatterbot-corpus a question is followed by alternative answers, not by further turns.
_FILES_OF_ALTERNATIVES = ("computers", "emotion")


@dataclass(frozen=True)
class Conversation:
    """One conversation between a human and an assistant."""

    id: str
    """Stable, unique within its package."""
    cluster: str
    """Conversations of one cluster are correlated: those with the same question."""
    transcript: Transcript
    """Turns that alternate, none of them empty."""


def read_chitchat(file: Path) -> Iterator[Conversation]:
    """The two-speaker conversations of chitchat-dataset's dataset.json, in file order; repeated ones once."""
    seen = set()
    for name, conversation in json.loads(file.read_bytes()).items():
        messages = [message for group in conversation["messages"] for message in group]
        senders = list(dict.fromkeys(message["sender"] for message in messages))
        if len(senders) != 2:
            continue
        role = {senders[0]: HUMAN, senders[1]: ASSISTANT}
        cleaned = _conversation(Turn(role[message["sender"]], message["text"]) for message in messages)
        if cleaned is not None and cleaned not in seen:
            seen.add(cleaned)
            yield Conversation(name, name, cleaned)


def read_chatterbot(folder: Path) -> Iterator[Conversation]:
    """The conversations of the YAML files in chatterbot-corpus' data/english, by file name; repeated ones once."""
    import yaml

    seen = set()
    for file in sorted(folder.glob("*.yml")):
        entries = yaml.load(file.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        number = 0
        for messages in entries["conversations"]:
            # One entry of the package is a string that was meant to be a list.
            if not isinstance(messages, list):
                continue
            alternatives = file.stem in _FILES_OF_ALTERNATIVES
            for texts in [[messages[0], answer] for answer in messages[1:]] if alternatives else [messages]:
                cleaned = _conversation(Turn((HUMAN, ASSISTANT)[i % 2], text) for i, text in enumerate(texts))
                if cleaned is not None and cleaned not in seen:
                    seen.add(cleaned)
                    question = cleaned.turns[0].text.casefold().rstrip("?!. ")
                    yield Conversation(f"{file.stem}/{number}", question, cleaned)
                number += 1


def _conversation(messages: Iterable[Turn]) -> Transcript | None:
    """The cleaned messages as alternating turns, the human first; None where fewer than two turns are left."""
    cleaned = (Turn(message.speaker, clean_message(message.text)) for message in messages)
    turns = join_turns((message for message in cleaned if message.text), between="\n")
    if turns and turns[0].speaker != HUMAN:
        # The first message was empty, so the other speaker began.
        turns = tuple(Turn({HUMAN: ASSISTANT, ASSISTANT: HUMAN}[turn.speaker], turn.text) for turn in turns)
    return Transcript(turns) if len(turns) >= 2 else None


def cut(transcript: Transcript, max_turns: int) -> list[Transcript]:
    """Cut a conversation into parts of at most `max_turns` turns (even). Each part begins with the human.

    A single turn left over at the end joins the part before it.
    """
    begins = list(range(0, max(1, len(transcript.turns) - 1), max_turns))
    ends = [*begins[1:], len(transcript.turns)]
    return [Transcript(transcript.turns[begin:end]) for begin, end in zip(begins, ends, strict=True)]


def clean_message(text: str) -> str:
    """A message without control characters, blank lines and invisible spaces.

    A line's indentation stays; runs of spaces within it become one. Without blank lines, a message contains no
    structural place.
    """
    text = _INVISIBLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n").replace("\xa0", " "))
    lines = (re.sub(r"(?<=\S)[ \t]+", " ", line).rstrip() for line in text.split("\n"))
    return "\n".join(line for line in lines if line).strip()
