"""1 for a reply without anybody else's lines: no text in it looks like a speaker's label; else 0.

The text that hands over is no part of a reply, so a reply that ends there is the writer's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from harness.completion.reward import Reply, Reward
from harness.text.transcript_format import HUMAN_ASSISTANT, TranscriptFormat
from harness.text.turn_text import own_turn


@dataclass(frozen=True, kw_only=True)
class KeepsToOwnLines(Reward):
    """Options of the reward."""

    name: ClassVar[str] = "keeps_to_own_lines"
    version: ClassVar[int] = 1

    format: TranscriptFormat = HUMAN_ASSISTANT
    """How conversations are written (format=): what a label looks like."""

    def score(self, reply: Reply) -> float:
        return float(own_turn(self.format, reply.completion.text) == reply.completion.text)
