"""Changes of turn in a scene of several speakers: where the next speaker can be asked for, and how speakers are ranked.

Two simple rules serve for comparison: the next speaker is the one who spoke before the last (Sacks, Schegloff and
Jefferson 1974 found a bias for this one in conversation), or the one who has spoken most often.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.text.transcript import Transcript, Turn

FEWEST_SPEAKERS = 3


@dataclass(frozen=True)
class Change:
    """A place in a scene where the speaker changes."""

    before: tuple[Turn, ...]
    """All earlier turns of the scene."""
    next: str
    """The next speaker."""
    candidates: tuple[str, ...]
    """All speakers of the scene except the last one, in the order of their first turn."""

    @property
    def by_last_turn(self) -> list[tuple[int, ...]]:
        """The index of each candidate's last turn; equal for all who haven't spoken yet."""
        return [(self._last(candidate),) for candidate in self.candidates]

    @property
    def by_number_of_turns(self) -> list[tuple[int, ...]]:
        """The number of each candidate's turns; among equals, the index of the last turn decides."""
        return [
            (sum(turn.speaker == candidate for turn in self.before), self._last(candidate))
            for candidate in self.candidates
        ]

    def _last(self, speaker: str) -> int:
        return max((index for index, turn in enumerate(self.before) if turn.speaker == speaker), default=-1)

    def ranks(self, scores: Sequence[float] | Sequence[tuple[int, ...]]) -> range:
        """The ranks that the next speaker may have, from 1, by the candidates' scores, highest first: with others of
        the same score it shares theirs, since equal scores don't say who is next."""
        score_of_next = scores[self.candidates.index(self.next)]
        num_better = sum(score > score_of_next for score in scores)  # type: ignore[operator]
        return range(num_better + 1, num_better + sum(score == score_of_next for score in scores) + 1)


def changes(scene: Transcript) -> list[int]:
    """The indices of turns to ask about: the speaker changes there, and at least two speakers have spoken before."""
    if len(scene.speakers) < FEWEST_SPEAKERS:
        return []
    turns = scene.turns
    num_speakers = [len({turn.speaker for turn in turns[:index]}) for index in range(len(turns))]
    return [
        index
        for index in range(2, len(turns))
        if num_speakers[index] >= 2 and turns[index].speaker != turns[index - 1].speaker
    ]


def change(scene: Transcript, index: int) -> Change:
    """The change before the turn at an index."""
    last_speaker = scene.turns[index - 1].speaker
    others = tuple(speaker for speaker in scene.speakers if speaker != last_speaker)
    return Change(scene.turns[:index], scene.turns[index].speaker, others)
