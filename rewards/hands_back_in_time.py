"""1 for a reply that hands the conversation back in time: it ends with the text that gives the turn to the other, says
something, and is neither very short nor very long; else 0.

Without the lengths an empty turn would be the best one. Inside quotation marks, brackets or code that the reply opened,
the text that hands over is quoted, and hands nothing over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from harness.common.options import check_least, check_option
from harness.completion.reward import Reply, Reward
from harness.text.turn_text import is_empty, left_open


@dataclass(frozen=True, kw_only=True)
class HandsBackInTime(Reward):
    """Options of the reward."""

    name: ClassVar[str] = "hands_back_in_time"
    version: ClassVar[int] = 1

    shortest: int = 2
    """Characters of the shortest turn that counts, without the white space around it."""
    longest: int = 240
    """Characters of the longest; 95 % of people's turns in data=chat have no more."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_least(self, shortest=1)
        check_option(self, "longest", self.longest >= self.shortest, f"shortest={self.shortest} or more")

    def score(self, reply: Reply) -> float:
        text = reply.completion.text
        hands_over = reply.completion.stop_text is not None and not left_open(text)
        is_usual = self.shortest <= len(text.strip()) <= self.longest
        return float(hands_over and is_usual and not is_empty(text))
