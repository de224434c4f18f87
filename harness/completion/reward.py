"""What a reward is: a number for a reply, greater where it is better. Stages of post-training raise it, and a search
picks by it.

A reward sees the prompt and the completion, as an eval's scorer does, and never a model. It is missing (None) where it
can't say, and that is never zero.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from harness.common.options import check_option
from harness.completion.sequence import Completion, Prompt


@dataclass(frozen=True)
class Reply:
    """What a reward sees."""

    prompt: Prompt
    completion: Completion
    target: str | None = None
    """What a person said in this place, or the right answer; None: not known."""


@dataclass(frozen=True, kw_only=True)
class Reward(ABC):
    """A frozen dataclass of a reward's options."""

    name: ClassVar[str]
    version: ClassVar[int]
    """Incremented when the same options give other rewards than before, so that old fits aren't used for new ones."""
    needs_target: ClassVar[bool] = False
    """Whether it says nothing of a reply whose target isn't known, as in a chat."""

    weight: float = 1.0
    """What the reward is multiplied by in a sum of several; below 0: less of it is better."""

    def __post_init__(self) -> None:
        check_option(self, "weight", self.weight != 0, "any number but 0, which would leave the reward out")

    @abstractmethod
    def score(self, reply: Reply) -> float | None:
        """The reward of one reply, without its weight; None where it can't say. The same each time."""

    def score_all(self, replies: Sequence[Reply]) -> list[float | None]:
        """The reward of each reply, by itself. Override it where many at once are faster."""
        return [self.score(reply) for reply in replies]


def weighted_sum(rewards: Mapping[str, Reward], replies: Sequence[Reply]) -> list[float | None]:
    """The sum of all rewards of each reply, times their weights. What a reward can't say adds nothing; None where none
    of them can say."""
    totals: list[float | None] = [None] * len(replies)
    for reward in rewards.values():
        for index, score in enumerate(reward.score_all(replies)):
            if score is not None:
                totals[index] = (totals[index] or 0.0) + reward.weight * score
    return totals
