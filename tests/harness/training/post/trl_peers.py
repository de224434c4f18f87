"""The losses of TRL 1.12.0, run on tiny GPT-2s: its own methods, without its data handling, logging and devices.

TRL takes seconds to import, so it is imported where it is used.
"""

from __future__ import annotations

from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

VOCAB_SIZE = 13


class OneProcess:
    """What TRL asks of an accelerator, where there is one process."""

    device = torch.device("cpu")
    num_processes = 1
    is_main_process = False  # that one reports to a tracker

    def gather(self, value: Tensor) -> Tensor:
        return value

    gather_for_metrics = gather

    def reduce(self, value: Tensor, reduction: str) -> Tensor:
        return value


def gpt2(seed: int) -> Any:
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(seed)
    sizes = {"n_layer": 1, "n_head": 2, "n_embd": 8, "n_positions": 32, "vocab_size": VOCAB_SIZE}
    no_dropout = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
    config = GPT2Config(**sizes, **no_dropout, initializer_range=0.5, bos_token_id=0, eos_token_id=0)
    return GPT2LMHeadModel(config).double().eval()


def token_logprobs(model: Any, tokens: Tensor, num_kept: int) -> Tensor:
    """(B, num_kept): the log-probabilities of the last tokens of each row."""
    logits = model(tokens).logits[:, :-1]
    scored = logits.log_softmax(-1).gather(2, tokens[:, 1:, None])[:, :, 0]
    return scored[:, -num_kept:]


def replies(seed: int, num_rows: int = 6, prompt: int = 4, reply: int = 7) -> tuple[Tensor, Tensor, Tensor]:
    """(prompts (B, P), replies (B, T), mask of the replies (B, T): the first tokens of each, one at least)."""
    generator = torch.Generator().manual_seed(seed)
    prompts = torch.randint(1, VOCAB_SIZE, (num_rows, prompt), generator=generator)
    written = torch.randint(1, VOCAB_SIZE, (num_rows, reply), generator=generator)
    lengths = torch.randint(1, reply + 1, (num_rows, 1), generator=generator)
    return prompts, written, torch.arange(reply) < lengths


class _Scores(torch.nn.Module):
    """A reward model whose scores are given."""

    def __init__(self, scores: Tensor) -> None:
        super().__init__()
        self.scores = scores

    def forward(self, **_: Any) -> SimpleNamespace:
        return SimpleNamespace(logits=self.scores[:, None])


def reward_loss(scores: Tensor, margin: float | None, centring: float) -> Tensor:
    """scores: (2 N,), of the chosen and then of the rejected."""
    from trl import RewardTrainer

    args = SimpleNamespace(center_rewards_coefficient=centring or None)
    peer = _trainer(RewardTrainer, _Scores(scores), args=args)
    inputs = {"attention_mask": torch.ones(len(scores), 2)}
    if margin is not None:
        inputs["margin"] = torch.full((len(scores) // 2,), margin)
    return torch.as_tensor(RewardTrainer.compute_loss(peer, peer.model, inputs))


def dpo_loss(
    kind: str, model: Any, reference: Any, tokens: Tensor, completion_mask: Tensor, beta: float, noise: float
) -> Tensor:
    """kind: TRL's `loss_type`. tokens, completion_mask: (2 N, T), of the chosen and then of the rejected."""
    from trl import DPOTrainer

    peer = _trainer(
        DPOTrainer, model, ref_model=reference, ld_alpha=None, precompute_ref_logps=False, loss_types=[kind],
        loss_weights=[1.0], f_divergence_type="reverse_kl", use_weighting=False, beta=beta, label_smoothing=noise,
        args=SimpleNamespace(gradient_checkpointing_kwargs=None, gradient_checkpointing=False),
    )  # fmt: skip
    inputs = {"input_ids": tokens, "attention_mask": torch.ones_like(tokens), "completion_mask": completion_mask}
    return torch.as_tensor(DPOTrainer._compute_loss(peer, model, inputs, False))


def rloo_loss(model: Any, inputs: dict[str, Tensor], clip: tuple[float, float]) -> Tensor:
    from trl import RLOOTrainer

    peer = _trainer(
        RLOOTrainer, model, epsilon_low=clip[0], epsilon_high=clip[1], temperature=1.0,
        model_kwarg_keys={"logits_to_keep"},
    )  # fmt: skip
    return torch.as_tensor(RLOOTrainer._compute_loss(peer, model, inputs))


def grpo_loss(kind: str, model: Any, inputs: dict[str, Tensor], clip: tuple[float, float], most_tokens: int) -> Tensor:
    """kind: TRL's `loss_type`."""
    from trl import GRPOTrainer

    peer = _trainer(
        GRPOTrainer, model, loss_type=kind, epsilon_low=clip[0], epsilon_high=clip[1], temperature=1.0, beta=0.0,
        top_entropy_quantile=1.0, off_policy_mask_threshold=None, importance_sampling_level="token", use_vllm=False,
        current_gradient_accumulation_steps=1, max_completion_length=most_tokens, _entropy_bonus_enabled=False,
        model_kwarg_keys={"logits_to_keep"}, args=SimpleNamespace(delta=None, steps_per_generation=1),
    )  # fmt: skip
    return torch.as_tensor(GRPOTrainer._compute_loss(peer, model, inputs))


def _trainer(cls: Any, model: Any, **options: Any) -> Any:
    """What a trainer's loss reads of the trainer."""
    stub = SimpleNamespace(
        accelerator=OneProcess(),
        model=model,
        _metrics={"train": defaultdict(list), "eval": defaultdict(list)},
        aux_loss_enabled=False,
        _total_train_tokens=0,
        **options,
    )
    if hasattr(cls, "_get_per_token_logps_and_entropies"):
        stub._get_per_token_logps_and_entropies = cls._get_per_token_logps_and_entropies.__get__(stub)
    return stub
