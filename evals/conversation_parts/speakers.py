"""Changes of turn in a scene of several speakers: where one may ask who is next, and how the speakers are ranked.

The two simplest answers: the one who spoke before the last, whom Sacks, Schegloff and Jefferson (1974) found to be
favoured in conversation, and the one who has spoken most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.text.transcript import Transcript, Turn

FEWEST_SPEAKERS = 3


@dataclass(frozen=True)
class Change:
    """A place in a scene where another takes over."""

    before: tuple[Turn, ...]
    """All of the scene so far."""
    next: str
    """Who speaks now."""
    candidates: tuple[str, ...]
    """All of the scene's speakers but the one who has just spoken, by their first turn in it."""

    @property
    def by_last_turn(self) -> list[tuple[int, ...]]:
        """How lately each candidate has spoken; none who hasn't is told from another."""
        return [(self._last(candidate),) for candidate in self.candidates]

    @property
    def by_number_of_turns(self) -> list[tuple[int, ...]]:
        """How often each candidate has spoken; of equals, how lately."""
        return [
            (sum(turn.speaker == candidate for turn in self.before), self._last(candidate))
            for candidate in self.candidates
        ]

    def _last(self, speaker: str) -> int:
        return max((place for place, turn in enumerate(self.before) if turn.speaker == speaker), default=-1)

    def rank(self, scores: Sequence[float] | Sequence[tuple[int, ...]]) -> int:
        """The rank, from 1, of the one who speaks next when the candidates' scores are put in order, highest first.
        Ties count against it: who can't tell two speakers apart doesn't know which it is."""
        own = scores[self.candidates.index(self.next)]
        return sum(score >= own for score in scores)  # type: ignore[operator]


def changes(scene: Transcript) -> list[int]:
    """The turns before which one may ask who is next: another spoke just before, and two have spoken already."""
    if len(scene.speakers) < FEWEST_SPEAKERS:
        return []
    turns = scene.turns
    heard = [len({turn.speaker for turn in turns[:place]}) for place in range(len(turns))]
    return [
        place
        for place in range(2, len(turns))
        if heard[place] >= 2 and turns[place].speaker != turns[place - 1].speaker
    ]


def change(scene: Transcript, place: int) -> Change:
    """What happens before the turn at this place."""
    silent = scene.turns[place - 1].speaker
    others = tuple(speaker for speaker in scene.speakers if speaker != silent)
    return Change(scene.turns[:place], scene.turns[place].speaker, others)
