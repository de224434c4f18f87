from __future__ import annotations

import dataclasses
import json

from harness.dashboard.transcripts import dialogue, format_of
from harness.runs.index import Entry

ENTRY = Entry("e", "r", (1, 1), "complete")


def test_a_prompt_and_a_completion_are_turns() -> None:
    turns = dialogue(ENTRY, "Human: hi\n\nAssistant:", " Hello.\n\nHuman: I am well.", {"handed_back": False})
    assert turns is not None
    shown = [(bubble.speaker, bubble.text, bubble.is_own, bubble.is_astray) for bubble in turns.bubbles]
    assert shown == [
        ("Human", "hi", False, False),
        ("Assistant", "Hello.", True, False),
        ("Human", "I am well.", True, True),
    ]
    assert turns.handed_back is False
    assert [bubble.is_right for bubble in turns.bubbles] == [False, True, False]


def test_what_is_no_transcript_is_none() -> None:
    assert dialogue(ENTRY, "12+7=", "19", {}) is None
    assert dialogue(ENTRY, "", "19", {}) is None
    assert dialogue(ENTRY, "Human: hi", "", {}) is None


def test_the_format_is_the_runs() -> None:
    settings = {
        "data.config.format.name": "chatml",
        "data.config.format.before_name": "<|im_start|>",
        "data.config.format.after_name": "\n",
        "data.config.format.before_text": "",
        "data.config.format.end": "<|im_end|>",
        "data.config.format.between": "\n",
        "data.config.format.speakers.Human": "user",
        "data.config.format.speakers.Assistant": "assistant",
    }
    entry = dataclasses.replace(ENTRY, parts=json.dumps(settings))
    prompt = "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"
    turns = dialogue(entry, prompt, "Hello.", {"handed_back": True})
    assert turns is not None
    assert [(bubble.speaker, bubble.text) for bubble in turns.bubbles] == [("Human", "hi"), ("Assistant", "Hello.")]


def test_a_format_that_cannot_be_is_the_usual_one() -> None:
    entry = dataclasses.replace(ENTRY, parts=json.dumps({"data.config.format.name": 7}))
    assert format_of(entry).label("Human") == "Human:"
