"""One whole update of PPO, made of our functions, against TRL 1.12.0's trainer: the weights are the same after it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from harness.training.post import advantages, losses
from harness.training.post.kl import k1
from tests.harness.training.post import trl_peers


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
