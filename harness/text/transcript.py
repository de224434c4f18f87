"""Turns and transcripts.

How they are written as text: harness.text.transcript_format.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

HUMAN = "Human"
ASSISTANT = "Assistant"
SYSTEM = "System"


@dataclass(frozen=True)
class Turn:
    """What one speaker says before the next turn."""

    speaker: str
    """The speaker's name in our data and evals; a format may write it differently."""
    text: str
    """What is said; may be empty."""


@dataclass(frozen=True)
class Transcript:
    """Turns in order. The same speaker may have several in a row."""

    turns: tuple[Turn, ...] = ()

    @property
    def speakers(self) -> tuple[str, ...]:
        """All speakers, in the order of their first turn."""
        return tuple(dict.fromkeys(turn.speaker for turn in self.turns))


def join_turns(turns: Iterable[Turn], between: str) -> tuple[Turn, ...]:
    """The turns, with consecutive turns of one speaker joined by `between`."""
    joined: list[Turn] = []
    for turn in turns:
        if joined and joined[-1].speaker == turn.speaker:
            joined[-1] = Turn(turn.speaker, joined[-1].text + between + turn.text)
        else:
            joined.append(turn)
    return tuple(joined)
