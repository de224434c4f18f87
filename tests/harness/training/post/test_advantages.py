"""Advantages against polgrad 0.2.1, whose figures are stored (polgrad.json, from polgrad_figures.py), and by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from harness.training.post import advantages

PEER = json.loads((Path(__file__).parent / "polgrad.json").read_text(encoding="utf-8"))


def peer(name: str) -> Tensor:
    return torch.tensor(PEER[name], dtype=None if name == "mask" else torch.float64)


def test_leave_one_out_is_polgrads() -> None:
    torch.testing.assert_close(advantages.leave_one_out(peer("rewards")), peer("leave_one_out"), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("name", "is_scaled"), [("grpo", True), ("dr_grpo", False)])
def test_the_groups_mean_is_polgrads(name: str, is_scaled: bool) -> None:
    ours = advantages.group_mean(peer("rewards"), is_scaled)
    torch.testing.assert_close(ours, peer(name), rtol=0, atol=1e-12)


def test_generalised_advantages_are_polgrads() -> None:
    ours = advantages.generalised(peer("token_rewards"), peer("values"), discount=0.9, decay=0.95)
    torch.testing.assert_close(ours * peer("mask"), peer("gae"), rtol=0, atol=1e-12)


def test_without_a_critic_and_a_decay_they_are_returns() -> None:
    rewards = peer("token_rewards")
    ours = advantages.generalised(rewards, torch.zeros_like(rewards), discount=1.0, decay=1.0)
    torch.testing.assert_close(ours, peer("returns_to_go"), rtol=0, atol=1e-12)
    torch.testing.assert_close(advantages.return_to_go(rewards), ours, rtol=0, atol=1e-12)


def test_whitened_values_are_polgrads() -> None:
    ours = advantages.whitened(peer("gae"), peer("mask"))
    torch.testing.assert_close(ours, peer("whitened"), rtol=0, atol=1e-12)


def test_a_constant_in_the_reward_changes_no_advantage() -> None:
    rewards = peer("rewards")
    for of in (advantages.leave_one_out, lambda values: advantages.group_mean(values, is_scaled=True)):
        torch.testing.assert_close(of(rewards + 5), of(rewards))


def test_equal_rewards_give_no_advantage() -> None:
    rewards = torch.full((2, 3), 0.7)
    assert advantages.leave_one_out(rewards).abs().max() < 1e-6
    assert advantages.group_mean(rewards, is_scaled=True).abs().max() < 1e-2
