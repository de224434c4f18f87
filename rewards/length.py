"""The length of a reply in characters: the control of every comparison.

A reward that is raised no further than its length is raised by itself has taught nothing but length; much of what
post-training gains is of this kind (Singhal et al. 2023, arXiv 2310.03716). A weight below 0 asks for short replies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from harness.completion.reward import Reply, Reward


@dataclass(frozen=True, kw_only=True)
class Length(Reward):
    """Options of the reward: only its weight."""

    name: ClassVar[str] = "length"
    version: ClassVar[int] = 1

    def score(self, reply: Reply) -> float:
        return float(len(reply.completion.text))
