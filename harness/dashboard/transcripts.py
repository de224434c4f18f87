"""Transcripts as turns: who says what, what the model wrote, and whether it handed the turn back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.common.errors import UserError
from harness.runs.index import Entry
from harness.text.transcript_format import HUMAN_ASSISTANT, TranscriptFormat

_FIELDS = ("name", "before_name", "after_name", "before_text", "end", "between")


@dataclass(frozen=True)
class Bubble:
    """A turn."""

    speaker: str
    text: str
    is_own: bool
    """Whether the model wrote it."""
    is_astray: bool
    """Whether the model wrote it in somebody else's name, or after its turn should have ended."""
    is_right: bool
    """On which side it stands."""


@dataclass(frozen=True)
class Dialogue:
    """A prompt and a completion as turns."""

    bubbles: tuple[Bubble, ...]
    handed_back: bool | None
    """None where no eval says so."""


def dialogue(entry: Entry, prompt: str, answer: str, values: Mapping[str, Any]) -> Dialogue | None:
    """The turns; None where the prompt is no transcript that ends in an open turn."""
    form = format_of(entry)
    try:
        before = form.parse(prompt).turns
    except UserError:
        return None
    if len(before) < 2:
        return None
    speaker = before[-1].speaker
    said = form.reply(speaker, before[-1].text + answer if before[-1].text else answer)
    first = before[0].speaker
    bubbles = [Bubble(turn.speaker, turn.text, False, False, turn.speaker != first) for turn in before[:-1]]
    bubbles += [
        Bubble(turn.speaker, turn.text, True, number > 0, turn.speaker != first) for number, turn in enumerate(said)
    ]
    handed_back = values.get("handed_back")
    return Dialogue(tuple(bubbles), None if handed_back is None else bool(handed_back))


def format_of(entry: Entry) -> TranscriptFormat:
    """The format of a run's conversations; the usual one where its settings have none."""
    settings = json.loads(entry.settings)
    prefix = next((key.removesuffix("name") for key in sorted(settings) if key.endswith(".format.name")), None)
    if prefix is None:
        return HUMAN_ASSISTANT
    speakers = {
        key.removeprefix(f"{prefix}speakers."): value
        for key, value in settings.items()
        if key.startswith(f"{prefix}speakers.")
    }
    fields = {name: settings[prefix + name] for name in _FIELDS if prefix + name in settings}
    try:
        return TranscriptFormat(**fields, speakers=speakers or None)
    except (TypeError, ValueError):
        return HUMAN_ASSISTANT
