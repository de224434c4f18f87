"""The options of policy gradients."""

from __future__ import annotations

from typing import Any

import pytest

from harness.completion.reward import Reward
from harness.training.post.policy_gradient import CriticOptions, PolicyGradient
from rewards.length import Length

REWARDS: dict[str, Reward] = {"length": Length()}


def test_a_group_of_one_has_no_others() -> None:
    with pytest.raises(ValueError, match="replies_per_prompt=1 is not allowed: it must be 2 or more with baseline=lea"):
        PolicyGradient(rewards=REWARDS, replies_per_prompt=1)
    with pytest.raises(ValueError, match="it must be 2 or more with baseline=none and scale=group"):
        PolicyGradient(rewards=REWARDS, replies_per_prompt=1, baseline="none", scale="group")
    assert PolicyGradient(rewards=REWARDS, replies_per_prompt=1, baseline="none").replies_per_prompt == 1


def test_a_critic_values_tokens_so_no_group_scales_them() -> None:
    with pytest.raises(ValueError, match="scale='group' is not allowed: it must be none or batch with baseline=critic"):
        PolicyGradient(rewards=REWARDS, baseline="critic", scale="group")


@pytest.mark.parametrize(
    ("options", "allowed"),
    [({"decay": 1.1}, "from 0 to 1"), ({"clip": 0.0}, "above 0"), ({"warmup_steps": -1}, "0 or more")],
)
def test_wrong_options_of_a_critic_are_refused(options: dict[str, Any], allowed: str) -> None:
    with pytest.raises(ValueError, match=allowed):
        CriticOptions(**options)


@pytest.mark.parametrize("options", [{"epochs": 0}, {"beta": -1}, {"clip": 0.0}])
def test_numbers_that_mean_nothing_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="is not allowed"):
        PolicyGradient(rewards=REWARDS, **options)
