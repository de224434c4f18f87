"""Cuts one text into three stretches, for training, validation and test, where there are too few documents to split."""

from __future__ import annotations

import re
from collections.abc import Sequence

from harness.text.transcript import Transcript
from harness.text.transcript_format import TranscriptFormat


def cut_text(text: str, validation_fraction: float, test_fraction: float) -> tuple[str, str, str] | None:
    """Cut a text into three stretches that aren't empty; None for fewer than 3 characters.

    The fractions count characters. Each cut is at the nearest line end, if one is near (within a quarter of the smaller
    stretch); else within a line.
    """
    if len(text) < 3:
        return None
    near = len(text) * min(validation_fraction, test_fraction) / 4
    ends = [match.end() for match in re.finditer("\n", text)]
    first = _cut(ends, len(text) * (1 - validation_fraction - test_fraction), near, 1, len(text) - 2)
    second = _cut(ends, len(text) * (1 - test_fraction), near, first + 1, len(text) - 1)
    return text[:first], text[first:second], text[second:]


def cut_transcript(
    text: str, form: TranscriptFormat, validation_fraction: float, test_fraction: float
) -> tuple[str, str, str] | None:
    """Cut a transcript into three with at least one turn each; None for fewer than 3 turns.

    The fractions count turns. UserError where the text isn't a transcript of that format.
    """
    turns = form.parse(text).turns
    if len(turns) < 3:
        return None
    num_test = max(1, round(len(turns) * test_fraction))
    num_validation = max(1, round(len(turns) * validation_fraction))
    num_train = max(1, len(turns) - num_validation - num_test)
    num_validation = min(num_validation, len(turns) - num_train - 1)
    parts = turns[:num_train], turns[num_train : num_train + num_validation], turns[num_train + num_validation :]
    train, validation, test = (form.render(Transcript(part)) for part in parts)
    return train, validation, test


def _cut(ends: Sequence[int], target: float, near: float, least: int, most: int) -> int:
    close = [end for end in ends if abs(end - target) <= near and least <= end <= most]
    return min(close, key=lambda end: abs(end - target), default=min(max(round(target), least), most))
