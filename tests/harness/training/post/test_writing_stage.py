"""Options that stages share in which the model writes."""

from __future__ import annotations

import pytest

from harness.training.post.policy_gradient import PolicyGradient
from rewards.length import Length


def test_without_a_reward_there_is_nothing_to_raise() -> None:
    with pytest.raises(ValueError, match=r"one reward at least. Pick it with rewards=\[NAME\]"):
        PolicyGradient()


@pytest.mark.parametrize("name", ["max_history_turns", "max_new_tokens", "replies_per_prompt"])
def test_numbers_below_one_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}=0 is not allowed"):
        PolicyGradient(rewards={"length": Length()}, **{name: 0})  # type: ignore[arg-type]
