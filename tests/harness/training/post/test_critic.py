"""The critic of a policy gradient."""

from __future__ import annotations

import pytest
import torch

from harness.training.post.critic import Critic
from harness.training.post.policy_gradient import CriticOptions


def test_it_comes_to_expect_what_is_linear_in_the_features() -> None:
    torch.manual_seed(0)
    critic = Critic(CriticOptions(learning_rate=0.05, clip=10.0), 3, torch.device("cpu"))
    features, mask = torch.randn(64, 5, 3), torch.rand(64, 5) < 0.8
    returns = features @ torch.tensor([1.0, -2.0, 0.5]) + 0.7
    critic.begin(float(returns.mean()))
    torch.testing.assert_close(critic.expected(features), returns.mean().expand(64, 5))
    critic.learn(features, returns.masked_fill(~mask, 100.0), mask, 400)
    torch.testing.assert_close(critic.expected(features), returns, rtol=0, atol=0.01)


def test_one_step_moves_an_expectation_no_further_than_the_clip() -> None:
    critic = Critic(CriticOptions(learning_rate=1e-3, clip=0.2), 1, torch.device("cpu"))
    features, mask = torch.zeros(4, 1, 1), torch.ones(4, 1).bool()
    critic.learn(features, torch.full((4, 1), 50.0), mask, 1000)
    assert float(critic.bias) == pytest.approx(0.2, abs=0.02)  # what moved it on fades after it is there


def test_a_saved_critic_goes_on_as_it_would_have() -> None:
    features, returns, mask = torch.randn(8, 4, 2), torch.randn(8, 4), torch.ones(8, 4).bool()
    one, other = (Critic(CriticOptions(), 2, torch.device("cpu")) for _ in range(2))
    other.load_tensors(one.tensors())
    assert not other.has_begun
    one.learn(features, returns, mask, 3)
    other.load_tensors({name: value.clone() for name, value in one.tensors().items()})
    assert other.has_begun
    for critic in (one, other):
        critic.learn(features, returns, mask, 2)
    assert torch.equal(one.weight, other.weight)
    assert torch.equal(one.bias, other.bias)
