"""What replies weigh."""

from __future__ import annotations

import math

import pytest
import torch

from harness.training.post.reply_weights import effective, reply_weights

PROMPTS = ["a", "a", "b", "a", "b"]


def test_the_best_of_a_prompt_share_its_weight() -> None:
    rewards = torch.tensor([1.0, 3.0, 2.0, 3.0, math.nan])
    weights = reply_weights("best", 1.0, PROMPTS, rewards, torch.zeros(5))
    assert weights.tolist() == [0.0, 1.5, 1.0, 1.5, 0.0]


def test_exponential_weights_by_hand() -> None:
    rewards, ratios = torch.tensor([1.0, 3.0, 2.0, math.nan, 4.0]), torch.tensor([0.5, -0.5, 0.0, 0.0, -1.0])
    weights = reply_weights("exponential", 2.0, PROMPTS, rewards, ratios)
    first, second = math.exp(1 / 2 + 0.5), math.exp(3 / 2 - 0.5)
    third, fourth = math.exp(2 / 2), math.exp(4 / 2 - 1)
    expected = [2 * first / (first + second), 2 * second / (first + second), 0.0]
    expected += [2 * third / (third + fourth), 2 * fourth / (third + fourth)]
    assert [weights[index].item() for index in (0, 1, 3, 2, 4)] == pytest.approx(expected, abs=1e-6)


def test_a_constant_in_the_reward_changes_no_weight_and_a_high_price_makes_all_equal() -> None:
    rewards, ratios = torch.randn(5), torch.randn(5)
    weights = reply_weights("exponential", 0.3, PROMPTS, rewards, ratios)
    torch.testing.assert_close(reply_weights("exponential", 0.3, PROMPTS, rewards + 7, ratios), weights)
    even = reply_weights("exponential", 1e9, PROMPTS, rewards, torch.zeros(5))
    torch.testing.assert_close(even, torch.ones(5, dtype=torch.float64))


def test_effective_replies_are_between_one_and_all() -> None:
    assert effective(torch.tensor([1.0, 1.0, 1.0, 1.0])) == 1
    assert effective(torch.tensor([0.0, 4.0, 0.0, 0.0])) == 0.25
    assert effective(torch.zeros(4)) == 0
