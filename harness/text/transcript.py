"""Who says what: turns, and the transcripts that they make.

How they are written as one text: harness.text.transcript_format.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

HUMAN = "Human"
ASSISTANT = "Assistant"
SYSTEM = "System"


@dataclass(frozen=True)
class Turn:
    """What one speaker says until another speaks."""

    speaker: str
    """Who speaks, as our data and evals call them; a format may write another name."""
    text: str
    """What is said: any text, also none."""


@dataclass(frozen=True)
class Transcript:
    """Turns in order. The same speaker may have several in a row."""

    turns: tuple[Turn, ...] = ()

    @property
    def speakers(self) -> tuple[str, ...]:
        """Everyone who has a turn, in order of their first."""
        return tuple(dict.fromkeys(turn.speaker for turn in self.turns))


def join_turns(turns: Iterable[Turn], between: str) -> tuple[Turn, ...]:
    """The same turns, consecutive ones of one speaker joined with `between`."""
    joined: list[Turn] = []
    for turn in turns:
        if joined and joined[-1].speaker == turn.speaker:
            joined[-1] = Turn(turn.speaker, joined[-1].text + between + turn.text)
        else:
            joined.append(turn)
    return tuple(joined)
