"""Our losses against TRL's own methods on the same models and batches, and by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from harness.training.post import losses
from harness.training.post.losses import Aggregation
from tests.harness.training.post import trl_peers

CLOSE = 1e-6


def test_weighted_likelihood_is_trls_completion_only_loss() -> None:
    model = trl_peers.gpt2(0)
    prompts, written, mask = trl_peers.replies(1)
    tokens = torch.cat([prompts, written], 1)
    labels = tokens.masked_fill(torch.cat([torch.zeros_like(prompts).bool(), mask], 1).logical_not(), -100)
    expected = model(tokens, labels=labels).loss  # what SFTTrainer.compute_loss asks for
    logprobs = trl_peers.token_logprobs(model, tokens, written.shape[1])
    torch.testing.assert_close(
        losses.weighted_likelihood(logprobs, mask.float()), expected, rtol=0, atol=CLOSE, check_dtype=False
    )


def test_weights_count_a_token_as_often_as_they_say() -> None:
    logprobs = torch.tensor([[-1.0, -2.0], [-3.0, -4.0]])
    weights = torch.tensor([[2.0, 0.0], [1.0, 0.5]])
    assert float(losses.weighted_likelihood(logprobs, weights)) == pytest.approx((2 * 1 + 3 + 0.5 * 4) / 3.5)


@pytest.mark.parametrize("margin", [None, 0.7])
@pytest.mark.parametrize("centring", [0.0, 0.01])
def test_preference_is_trls_reward_loss(margin: float | None, centring: float) -> None:
    scores = torch.tensor([0.3, -1.2, 2.0, 0.1, 0.4, -0.5])
    expected = trl_peers.reward_loss(scores, margin, centring)
    ours = losses.preference(scores[:3], scores[3:], margin or 0.0, centring)
    torch.testing.assert_close(ours, expected, rtol=0, atol=CLOSE, check_dtype=False)


def pairs() -> tuple[Any, Any, Tensor, Tensor, tuple[Tensor, ...], tuple[Tensor, ...]]:
    """(model, reference, tokens, mask of the replies among them, our log-ratios of chosen and rejected, lengths)."""
    model, reference = trl_peers.gpt2(0), trl_peers.gpt2(1)
    prompts, written, mask = trl_peers.replies(2)
    tokens = torch.cat([prompts, written], 1)
    own, other = (trl_peers.token_logprobs(which, tokens, mask.shape[1]) for which in (model, reference))
    ratios = ((own - other) * mask).sum(1).chunk(2)
    in_all = torch.cat([torch.zeros_like(prompts), mask.long()], 1)
    return model, reference, tokens, in_all, ratios, mask.sum(1).chunk(2)


@pytest.mark.parametrize(("kind", "noise"), [("sigmoid", 0.0), ("robust", 0.2)])
def test_dpo_is_trls(kind: str, noise: float) -> None:
    model, reference, tokens, mask, ratios, _ = pairs()
    expected = trl_peers.dpo_loss(kind, model, reference, tokens, mask, 0.3, noise)
    torch.testing.assert_close(losses.dpo(*ratios, 0.3, noise), expected, rtol=0, atol=1e-5)


def test_dpo_begins_at_log_2() -> None:
    zero = torch.zeros(5)
    assert float(losses.dpo(zero, zero, 0.1)) == pytest.approx(math.log(2))


def test_ipo_is_trls_with_lengths_and_the_papers_without() -> None:
    model, reference, tokens, mask, ratios, lengths = pairs()
    expected = trl_peers.dpo_loss("ipo", model, reference, tokens, mask, 0.3, 0.0)
    torch.testing.assert_close(losses.ipo(*ratios, 0.3, *lengths), expected, rtol=0, atol=1e-5)
    by_hand = ((ratios[0] - ratios[1] - 1 / 0.6) ** 2).mean()
    torch.testing.assert_close(losses.ipo(*ratios, 0.3), by_hand)


def rollouts() -> tuple[Any, dict[str, Tensor], Tensor, Tensor, Tensor]:
    """(model, what TRL reads, our log-probabilities, those from before (B, T), mask (B, T))."""
    model, before = trl_peers.gpt2(0), trl_peers.gpt2(0)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in before.parameters():
            parameter += 0.05 * torch.randn(parameter.shape, generator=generator)
    prompts, written, mask = trl_peers.replies(4)
    tokens = torch.cat([prompts, written], 1)
    logprobs = trl_peers.token_logprobs(model, tokens, written.shape[1])
    old = trl_peers.token_logprobs(before, tokens, written.shape[1]).detach()
    inputs = {
        "prompt_ids": prompts,
        "prompt_mask": torch.ones_like(prompts),
        "completion_ids": written,
        "completion_mask": mask.long(),
        "advantages": torch.tensor([0.5, -1.0, 2.0, -0.3, 0.0, 1.2], dtype=torch.float64),
        "old_per_token_logps": old,
        "old_logps": (old * mask).sum(1),
        "num_items_in_batch": mask.sum(),
    }
    return model, inputs, logprobs, old, mask


def test_the_sequence_ratio_is_trls_rloo() -> None:
    model, inputs, logprobs, old, mask = rollouts()
    clip = (0.1, 0.3)
    expected = trl_peers.rloo_loss(model, inputs, clip)
    ours = losses.clipped_policy(
        logprobs, old, inputs["advantages"][:, None], mask, clip, ratio="sequence", how="sequence_sum", most_tokens=7
    )
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "how"),
    [("grpo", "sequence_mean"), ("bnpo", "token_mean"), ("dapo", "token_mean"), ("dr_grpo", "constant")],
)
def test_the_token_ratio_is_trls_grpo_in_each_aggregation(kind: str, how: Aggregation) -> None:
    model, inputs, logprobs, old, mask = rollouts()
    clip = (0.1, 0.2)
    expected = trl_peers.grpo_loss(kind, model, inputs, clip, most_tokens=7)
    ours = losses.clipped_policy(
        logprobs, old, inputs["advantages"][:, None], mask, clip, ratio="token", how=how, most_tokens=7
    )
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-5)


def test_at_the_old_policy_the_gradient_is_that_of_reinforce() -> None:
    _, inputs, logprobs, _, mask = rollouts()
    leaf = logprobs.detach().requires_grad_()
    advantages = inputs["advantages"][:, None]
    clipped = losses.clipped_policy(
        leaf, leaf.detach(), advantages, mask, (0.2, 0.2), ratio="token", how="constant", most_tokens=7
    )
    plain = losses.reinforce(leaf, advantages, mask, "constant", 7)
    torch.testing.assert_close(torch.autograd.grad(clipped, leaf), torch.autograd.grad(plain, leaf))


@pytest.mark.parametrize("how", ["sequence_sum", "sequence_mean", "token_mean", "constant"])
def test_padding_and_the_order_of_replies_change_nothing(how: Aggregation) -> None:
    values, mask = torch.randn(5, 4), torch.arange(4) < torch.tensor([[1], [4], [2], [3], [4]])
    before = losses.aggregated(values, mask, how, 4)
    order = torch.tensor([3, 1, 4, 0, 2])
    wider = torch.cat([values, torch.full((5, 3), math.nan)], 1)[order]
    wider_mask = torch.cat([mask, torch.zeros(5, 3).bool()], 1)[order]
    torch.testing.assert_close(losses.aggregated(wider, wider_mask, how, 4), before)


def test_the_critic_is_never_pulled_further_than_the_clip() -> None:
    values = torch.tensor([[1.5]], requires_grad=True)
    mask = torch.ones(1, 1).bool()
    # far from before on the side of the return: the clipped error is greater, and has no gradient
    loss = losses.value(values, torch.tensor([[1.0]]), torch.tensor([[3.0]]), mask, clip=0.2)
    assert loss.item() == pytest.approx((1.2 - 3.0) ** 2 / 2)
    assert float(torch.autograd.grad(loss, values)[0]) == 0
