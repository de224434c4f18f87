"""Whole updates and whole trainings, made of our functions: PPO against TRL 1.12.0's trainer, and every kind of stage
against the known optimum of a world in which every reply can be listed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from harness.training.post import advantages, losses
from harness.training.post.kl import k1, k3
from tests.harness.training.post import trl_peers
from tests.harness.training.post.enumerable_world import BEGINNINGS, LONGEST, REPLIES, World, look_ahead, world


def trl_ppo() -> Any:
    from trl.experimental.ppo import ppo_trainer

    return ppo_trainer


PAD, EOS, PROMPT, REPLY = 11, 12, 3, 6
BETA, CLIP, VALUE_CLIP, VALUE_WEIGHT, EPOCHS, RATE = 0.2, 0.2, 0.1, 0.5, 3, 0.01
TEMPERATURE = 1 + 1e-7  # TRL adds this


def scorer(seed: int) -> Any:
    from transformers import GPT2ForSequenceClassification

    config = trl_peers.gpt2(0).config
    config.num_labels, config.pad_token_id = 1, PAD
    torch.manual_seed(seed)
    return GPT2ForSequenceClassification(config).double().eval()


def tokenizer() -> Any:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformers import PreTrainedTokenizerFast

    words = {str(token): token for token in range(11)} | {"<pad>": PAD, "<eos>": EOS}
    raw = Tokenizer(WordLevel(words, unk_token="0"))
    return PreTrainedTokenizerFast(tokenizer_object=raw, pad_token="<pad>", eos_token="<eos>")


def texts() -> tuple[Tensor, Tensor, Tensor]:
    """(prompts (B, P), replies (B, T) with padding after their end, which tokens are theirs): two of four end early."""
    generator = torch.Generator().manual_seed(5)
    prompts = torch.randint(0, 11, (4, PROMPT), generator=generator)
    replies = torch.randint(0, 11, (4, REPLY), generator=generator)
    replies[0, 2], replies[1, 4] = EOS, EOS
    replies[0, 3:], replies[1, 5:] = PAD, PAD
    return prompts, replies, replies != PAD


def optimizer(policy: nn.Module, critic: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.Adam([*policy.parameters(), *critic.parameters()], lr=RATE, eps=1e-5)


def trls(policy: Any, critic: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let TRL update both, on the replies that are given."""
    from datasets import Dataset

    prompts, replies, _ = texts()

    def given(model: Any, queries: Tensor, *_: Any) -> tuple[Tensor, Tensor]:
        assert torch.equal(queries, prompts)
        both = torch.cat([queries, replies], 1)
        return both, trl_ppo().forward(model, both, PAD).logits[:, PROMPT - 1 : -1] / TEMPERATURE

    monkeypatch.setattr(trl_ppo(), "batch_generation", given)
    monkeypatch.setattr(torch.utils.data, "RandomSampler", lambda data, **_: torch.utils.data.SequentialSampler(data))
    args = trl_ppo().PPOConfig(
        output_dir=str(folder), per_device_train_batch_size=4, gradient_accumulation_steps=1, num_mini_batches=1,
        num_ppo_epochs=EPOCHS, total_episodes=4, response_length=REPLY, stop_token="eos", temperature=1.0,
        kl_coef=BETA, kl_estimator="k1", cliprange=CLIP, cliprange_value=VALUE_CLIP, vf_coef=VALUE_WEIGHT, gamma=1.0,
        lam=0.95, missing_eos_penalty=1.0, num_sample_generations=0, report_to="none", use_cpu=True, save_strategy="no",
        logging_strategy="no", bf16=False, disable_tqdm=True,
    )  # fmt: skip
    data = Dataset.from_dict({"input_ids": prompts.tolist()})
    optimiser = optimizer(policy, critic)
    steady = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1.0)
    trainer = trl_ppo().PPOTrainer(
        args, tokenizer(), policy, trl_peers.gpt2(2), scorer(3), data, critic, eval_dataset=data,
        optimizers=(optimiser, steady),
    )  # fmt: skip
    trainer.dataloader = [{"input_ids": prompts}]
    trainer.train()


def ours(policy: Any, critic: Any) -> None:
    """The same, with our functions. TRL's score stands one place after a reply's last token, where there is room (its
    issue 3750), and the critic's value there counts too; ours stands on the last token in the stages."""
    prompts, replies, mask = texts()
    both = torch.cat([prompts, replies], 1)
    rows, lengths = torch.arange(4), mask.sum(1)
    place = lengths.clamp(max=REPLY - 1)
    with_next = torch.arange(REPLY) <= lengths[:, None]
    with torch.no_grad():
        _, scores, _ = trl_ppo().get_reward(scorer(3), both, PAD, PROMPT)
        scores = scores - (replies != EOS).all(1).float()
        old, reference = (logprobs(model, both, replies) for model in (policy, trl_peers.gpt2(2)))
        old_values = values(critic, both) * with_next
        rewards = -BETA * k1(old, reference) * mask
        rewards[rows, place] += scores
        # TRL's estimate starts at the end of the padding, where all is 0
        advantage = advantages.generalised(rewards, old_values, discount=1.0, decay=0.95)
        returns = advantage + old_values
        advantage = advantages.whitened(advantage, mask)
    optimiser = optimizer(policy, critic)
    for _ in range(EPOCHS):
        policy_loss = losses.clipped_policy(
            logprobs(policy, both, replies), old, advantage, mask, (CLIP, CLIP), "token", "token_mean", REPLY
        )
        value_loss = losses.value(values(critic, both) * with_next, old_values, returns, with_next, VALUE_CLIP)
        optimiser.zero_grad()
        (policy_loss + VALUE_WEIGHT * value_loss).backward()
        optimiser.step()


def logprobs(model: Any, both: Tensor, replies: Tensor) -> Tensor:
    logits = trl_ppo().forward(model, both, PAD).logits[:, PROMPT - 1 : -1]
    return (logits / TEMPERATURE).log_softmax(-1).gather(2, replies[:, :, None])[:, :, 0]


def values(critic: Any, both: Tensor) -> Tensor:
    scored, _, _ = trl_ppo().get_reward(critic, both, PAD, PROMPT)
    return torch.as_tensor(scored[:, PROMPT - 1 : -1, 0])


def test_a_whole_update_of_ppo_is_trls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = trl_peers.gpt2(0).state_dict()
    peer, peer_critic, own, own_critic = trl_peers.gpt2(0), scorer(1), trl_peers.gpt2(0), scorer(1)
    trls(peer, peer_critic, tmp_path, monkeypatch)
    ours(own, own_critic)
    moved = 0.0
    for model, other in ((own, peer), (own_critic, peer_critic)):
        for (name, mine), theirs in zip(model.state_dict().items(), other.state_dict().values(), strict=True):
            torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-5, msg=lambda said, name=name: f"{name}: {said}")
            if model is own:
                moved = max(moved, float((mine - before[name]).abs().max()))
    assert moved > 0.5 * RATE


# In a world where every reply can be listed, each kind of stage reaches the known optimum.


def trained(
    of: World, loss: Callable[[Tensor], Tensor], num_updates: int, rate: float = 0.1, epochs: int = 1
) -> Tensor:
    """The policy after lowering a loss by Adam, with a rate that falls to 0. loss: of the policy."""
    torch.manual_seed(0)
    policy = of.reference.clone().requires_grad_()
    optimiser = torch.optim.Adam([policy], lr=rate)
    for update in range(num_updates):
        optimiser.param_groups[0]["lr"] = rate * (1 - update / num_updates)
        optimiser.zero_grad()
        loss(policy).backward()
        optimiser.step()
    return policy.detach()


def test_the_world_is_as_described() -> None:
    of = world()
    assert len(REPLIES) == 121
    assert len(BEGINNINGS) == 40
    for policy in (of.reference, torch.randn_like(of.reference)):
        torch.testing.assert_close(of.logprobs(policy).exp().sum(), torch.tensor(1.0, dtype=torch.float64))
        assert of.objective(policy) < of.greatest


def test_a_backward_recursion_gives_the_optimum() -> None:
    of = world()
    rewards = torch.randn(of.reference.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    in_all = (rewards[of.contexts, of.tokens] * of.mask).sum(1) + of.reward
    summed = dataclasses.replace(of, reward=in_all)
    policy = look_ahead(summed, rewards, of.reward)
    assert summed.distance(policy) < 1e-12
    assert float(summed.objective(policy) - summed.greatest) == pytest.approx(0, abs=1e-12)


def test_the_exact_gradient_reaches_the_optimum() -> None:
    of = world()
    policy = trained(of, lambda policy: -of.objective(policy), 2000)
    assert of.distance(policy) < 1e-4


def whole_rewards(of: World, policy: Tensor, replies: Tensor) -> Tensor:
    """r - beta k1 of whole replies, with KL in the reward: (...)."""
    moved = k1(of.token_logprobs(policy, replies), of.token_logprobs(of.reference, replies)).sum(-1)
    return of.reward[replies] - of.beta * moved.detach()


def group_loss(of: World, advantage: Callable[[Tensor], Tensor], size: int) -> Callable[[Tensor], Tensor]:
    """The loss of 64 replies in groups."""

    def loss(policy: Tensor) -> Tensor:
        replies = of.draw(policy, 64 // size, size)
        advantages_ = advantage(whole_rewards(of, policy, replies)).flatten()[:, None]
        logprobs, mask = of.token_logprobs(policy, replies.flatten()), of.mask[replies.flatten()]
        return losses.reinforce(logprobs, advantages_, mask, "sequence_sum", LONGEST)

    return loss


def test_rloo_reaches_the_optimum() -> None:
    of = world()
    policy = trained(of, group_loss(of, advantages.leave_one_out, size=4), 400)
    assert of.distance(policy) < 0.03


def test_grpo_with_the_kl_in_the_reward_reaches_the_optimum() -> None:
    of = world()
    policy = trained(of, group_loss(of, lambda rewards: advantages.group_mean(rewards, is_scaled=True), size=8), 1600)
    assert of.distance(policy) < 0.03


@pytest.mark.parametrize(("estimator", "least"), [(k1, 0.4), (k3, 0.1)])
def test_an_estimate_of_the_kl_as_a_loss_misses_the_optimum(
    estimator: Callable[[Tensor, Tensor], Tensor], least: float
) -> None:
    of = world()

    def loss(policy: Tensor) -> Tensor:
        replies = of.draw(policy, 16, 4)
        advantage = advantages.leave_one_out(of.reward[replies]).flatten()[:, None]
        replies = replies.flatten()
        logprobs, mask = of.token_logprobs(policy, replies), of.mask[replies]
        moved = losses.aggregated(estimator(logprobs, of.token_logprobs(of.reference, replies)), mask, "sequence_sum")
        return losses.reinforce(logprobs, advantage, mask, "sequence_sum", LONGEST) + of.beta * moved

    assert of.distance(trained(of, loss, 400)) > least


def test_the_mean_of_sampled_gradients_is_that_of_the_objective() -> None:
    of = world()
    policy = (of.reference + 0.3 * torch.randn_like(of.reference)).requires_grad_()
    torch.manual_seed(0)
    [exact] = torch.autograd.grad(-of.objective(policy), policy)
    for advantage in (advantages.leave_one_out, lambda rewards: rewards):  # with a baseline and without
        replies = of.draw(policy, 50_000, 4)
        each = advantage(whole_rewards(of, policy, replies)).flatten()[:, None]
        logprobs, mask = of.token_logprobs(policy, replies.flatten()), of.mask[replies.flatten()]
        loss = losses.reinforce(logprobs, each, mask, "sequence_sum", LONGEST)
        [sampled] = torch.autograd.grad(loss, policy)
        assert torch.nn.functional.cosine_similarity(sampled.flatten(), exact.flatten(), dim=0) > 0.999


def test_ppo_reaches_the_optimum() -> None:
    of = world()
    torch.manual_seed(0)
    policy, critic = of.reference.clone().requires_grad_(), torch.zeros(len(BEGINNINGS), dtype=torch.float64)
    critic.requires_grad_()
    rate, num_updates = 0.05, 200
    optimiser = torch.optim.Adam([{"params": [policy]}, {"params": [critic], "lr": 0.2}], lr=rate)
    for update in range(num_updates):
        optimiser.param_groups[0]["lr"] = rate * (1 - update / num_updates)
        replies = of.draw(policy, 128)
        mask, rows, last = of.mask[replies], torch.arange(128), of.mask[replies].sum(1) - 1
        old = of.token_logprobs(policy, replies).detach()
        old_values = (critic[of.contexts[replies]] * mask).detach()
        rewards = -of.beta * k1(old, of.token_logprobs(of.reference, replies))
        rewards[rows, last] += of.reward[replies]
        each = advantages.generalised(rewards, old_values, discount=1.0, decay=0.95)
        returns, each = each + old_values, advantages.whitened(each, mask)
        for _ in range(4):
            logprobs = of.token_logprobs(policy, replies)
            loss = losses.clipped_policy(logprobs, old, each, mask, (0.2, 0.2), "token", "token_mean", LONGEST)
            values = critic[of.contexts[replies]] * mask
            optimiser.zero_grad()
            (loss + 0.1 * losses.value(values, old_values, returns, mask, clip=0.2)).backward()
            optimiser.step()
    assert of.distance(policy.detach()) < 0.03


def test_counts_weighted_by_the_reward_reach_the_optimum() -> None:
    of = world()
    torch.manual_seed(0)
    replies = of.draw(of.reference, 20_000)
    assert of.distance(of.counted(replies, (of.reward[replies] / of.beta).exp())) < 0.03


@pytest.mark.parametrize("is_corrected", [True, False])
def test_rounds_of_counts_need_the_weight_of_the_reference(is_corrected: bool) -> None:
    of = world()
    torch.manual_seed(0)
    policy = of.reference
    for _ in range(5):
        replies = of.draw(policy, 4000)
        log_weights = of.reward[replies] / of.beta
        if is_corrected:
            log_weights = log_weights + (of.logprobs(of.reference) - of.logprobs(policy))[replies]
        policy = of.counted(replies, log_weights.softmax(0) * len(replies))
    assert (of.distance(policy) < 0.05) if is_corrected else (of.distance(policy) > 0.5)


def test_dpo_reaches_the_optimum_of_its_preferences() -> None:
    of = world()
    before = of.logprobs(of.reference)
    pairs = before[:, None] + before
    weights = (pairs + torch.nn.functional.logsigmoid(of.reward[:, None] - of.reward)).exp().flatten()

    def loss(policy: Tensor) -> Tensor:
        ratios = of.logprobs(policy) - before
        chosen, rejected = (side.flatten() for side in torch.broadcast_tensors(ratios[:, None], ratios))
        return losses.dpo(chosen, rejected, of.beta, weights=weights / weights.sum())

    assert of.distance(trained(of, loss, 3000)) < 1e-3


def test_dpo_on_20_000_pairs_comes_near() -> None:
    of = world()
    torch.manual_seed(0)
    left, right = of.draw(of.reference, 20_000), of.draw(of.reference, 20_000)
    wins = torch.rand(20_000, dtype=torch.float64) < (of.reward[left] - of.reward[right]).sigmoid()
    chosen, rejected = torch.where(wins, left, right), torch.where(wins, right, left)
    before = of.logprobs(of.reference)

    def loss(policy: Tensor) -> Tensor:
        ratios = of.logprobs(policy) - before
        return losses.dpo(ratios[chosen], ratios[rejected], of.beta)

    assert of.distance(trained(of, loss, 150, rate=0.05)) < 0.1
