"""What replies weigh."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from harness.training.post.reply_weights import effective, reply_weights
from harness.training.post.weighted_likelihood import WeightedLikelihood, Weighting
from rewards.length import Length

PROMPTS = ["a", "a", "b", "b", "a", "a"]
REWARDS = torch.tensor([1.0, 3.0, 2.0, math.nan, 4.0, 4.0])


def weights(weighting: Weighting, beta: float, rewards: Tensor, log_ratios: Tensor) -> Tensor:
    stage = WeightedLikelihood(rewards={"length": Length()}, weighting=weighting, beta=beta, replies_per_prompt=2)
    return reply_weights(stage, PROMPTS, rewards, log_ratios)


def test_the_best_of_a_group_share_its_weight() -> None:
    assert weights("best", 1.0, REWARDS, torch.zeros(6)).tolist() == [0.0, 2.0, 1.0, 0.0, 1.0, 1.0]


def test_exponential_weights_by_hand() -> None:
    ratios = torch.tensor([0.5, -0.5, 0.0, 0.0, -1.0, 0.0])
    exponentials = [math.exp(1 / 2 + 0.5), math.exp(3 / 2 - 0.5), math.exp(4 / 2 - 1), math.exp(4 / 2)]
    first, second, fifth, sixth = (4 * each / sum(exponentials) for each in exponentials)
    expected = [first, second, 1.0, 0.0, fifth, sixth]
    assert weights("exponential", 2.0, REWARDS, ratios).tolist() == pytest.approx(expected, abs=1e-6)


def test_a_constant_in_the_reward_changes_no_weight_and_a_high_price_makes_all_equal() -> None:
    torch.manual_seed(0)
    rewards, ratios = torch.randn(6), torch.randn(6)
    moved = weights("exponential", 0.3, rewards + 7, ratios)
    torch.testing.assert_close(moved, weights("exponential", 0.3, rewards, ratios), rtol=0, atol=1e-5)
    even = weights("exponential", 1e9, rewards, torch.zeros(6))
    torch.testing.assert_close(even, torch.ones(6, dtype=torch.float64), rtol=0, atol=1e-6)


def test_effective_replies_are_between_one_and_all() -> None:
    assert effective(torch.tensor([1.0, 1.0, 1.0, 1.0])) == 1
    assert effective(torch.tensor([0.0, 4.0, 0.0, 0.0])) == 0.25
    assert effective(torch.zeros(4)) == 0
