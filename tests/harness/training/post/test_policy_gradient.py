"""The options of policy gradients."""

from __future__ import annotations

import pytest

from harness.completion.reward import Reward
from harness.training.post.policy_gradient import PolicyGradient
from rewards.length import Length


def test_a_group_of_one_has_no_others() -> None:
    rewards: dict[str, Reward] = {"length": Length()}
    with pytest.raises(ValueError, match="replies_per_prompt=1 is not allowed: it must be 2 or more with baseline=leave"):
        PolicyGradient(rewards=rewards, replies_per_prompt=1)
    assert PolicyGradient(rewards=rewards, replies_per_prompt=1, baseline="none").replies_per_prompt == 1
