"""1 for a reply that answers with the right number, 0 for another number or none.

It can't say where the target holds no number, as in a conversation.

The answer is the first number outside a problem: '12+7=19' answers 19 (`first_number` in harness/text/numbers.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from harness.completion.reward import Reply, Reward
from harness.text.data.arithmetic_wording import Wording


@dataclass(frozen=True, kw_only=True)
class RightAnswer(Reward):
    """Options of the reward."""

    name: ClassVar[str] = "right_answer"
    version: ClassVar[int] = 1
    needs_target: ClassVar[bool] = True

    reversed_answers: bool = False
    """Whether answers begin with their units, as data=arithmetic can write them."""

    def score(self, reply: Reply) -> float | None:
        wording = Wording("plain", reversed_answers=self.reversed_answers)
        right = None if reply.target is None else wording.number_in(reply.target)
        return None if right is None else float(wording.number_in(reply.completion.text) == right)
