"""How a policy gradient is done: at each step replies are written, scored and learnt."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from harness.common.seeds import seed_of
from harness.training.curve import Validation
from harness.training.gradients import GradientFit
from harness.training.post import advantages, losses
from harness.training.post.answers import conversations
from harness.training.post.kl import k1
from harness.training.post.policy_gradient import PolicyGradient
from harness.training.post.rollouts import Rows, differs_most, is_cut, rows_of, target_logprobs
from harness.training.post.stage import Bench, Made
from harness.training.post.writer import Writer, prompts_for
from harness.training.post.writing_stage import WritingStage
from harness.training.spent import Spent
from harness.training.stages import TrainingStage
from models.carried import Carry
from models.language_model import LanguageModel
from models.neural_model import NeuralModel

# Nats of a token, between how it was written and how it is trained.
_LARGEST_DIFFERENCE = 1e-2
_VALIDATION_DOCUMENTS = 20


@dataclass(frozen=True)
class Rollouts(Rows):
    """What a step learns from."""

    advantages: Tensor | None = None
    """(B, 1)."""
    measures: Mapping[str, float] | None = None
    """For the curve."""


class PolicyTraining(TrainingStage[Rollouts]):
    """The stage in the training loop. From one step to the next it keeps nothing."""

    keeps_best = False
    drops_out = False

    def __init__(self, stage: PolicyGradient, reference: NeuralModel, writer: Writer) -> None:
        """reference: the model before the stage, which nobody changes."""
        self.stage, self.reference, self.writer = stage, reference, writer

    def batch(self, model: NeuralModel, step: int, tokens_left: int | None) -> Rollouts:
        stage, writer = self.stage, self.writer
        asked = writer.prompts.take(step * stage.prompts_per_step, stage.prompts_per_step)
        replies = writer.write(model, asked, step)
        rows = rows_of(writer.each(asked), replies, model.start_token, model.device)
        with torch.no_grad():
            logprobs, before = target_logprobs(model, rows), target_logprobs(self.reference, rows)
        difference = differs_most(rows, logprobs, replies)
        if difference > _LARGEST_DIFFERENCE:
            raise RuntimeError(
                f"model={model.config.family} gives a reply's token another log-probability when it writes than when "
                f"it is trained, by {difference:.3g} nats. `bakeoff check model {model.config.family}` says more."
            )
        assert rows.mask is not None
        moved = (k1(logprobs, before) * rows.mask).sum(1).cpu()
        rewards, standardised = writer.judge(replies)
        grouped = (standardised - stage.beta * moved).view(-1, stage.replies_per_prompt)
        cut = torch.tensor([is_cut(reply.completion) for reply in replies])
        return Rollouts(
            rows.inputs,
            rows.targets,
            rows.num_targets,
            rows.mask,
            rows.num_prompt_tokens,
            advantages=self._advantages(grouped).view(-1, 1).to(model.device),
            measures=_measures(rewards, moved, rows, cut, standardised.view_as(grouped)),
        )

    def _advantages(self, rewards: Tensor) -> Tensor:
        """(G, K) of rewards (G, K); 0 where a reward is missing, which counts as the mean of its group's others."""
        missing = rewards.isnan()
        filled = torch.where(missing, rewards.nanmean(1, keepdim=True), rewards).nan_to_num()
        deviation = filled.std(1, keepdim=True) + 1e-4 if self.stage.divides_by_deviation else torch.ones(1)
        if self.stage.baseline == "leave_one_out":
            filled = advantages.leave_one_out(filled)
        elif self.stage.baseline == "group_mean":
            filled = advantages.group_mean(filled, is_scaled=False)
        return (filled / deviation).masked_fill(missing, 0.0)

    def loss(self, model: NeuralModel, batch: Rollouts, carry: Carry | None) -> tuple[Tensor, Carry | None]:
        assert batch.mask is not None
        assert batch.advantages is not None
        logprobs = target_logprobs(model, batch)
        how, most = self.stage.aggregate, self.stage.max_new_tokens
        return losses.reinforce(logprobs, batch.advantages, batch.mask, how, most), None

    def share(self, part: Rollouts, whole: Rollouts) -> float:
        if self.stage.aggregate == "token_mean":
            return super().share(part, whole)
        return len(part.inputs) / len(whole.inputs)

    def measured(self, batch: Rollouts) -> Mapping[str, float]:
        return batch.measures or {}

    def flops(self, batch: Rollouts, forward_flops: int, train_flops: int) -> float:
        """Writing, the policy's and the reference's log-probabilities: three passes forward over prompts and replies;
        and a pass forward and backward over the padded rows."""
        return 3 * forward_flops * batch.num_read + train_flops * batch.inputs.numel()

    def more_spent(self, batch: Rollouts) -> Spent:
        return Spent(episodes=len(batch.inputs), written_tokens=batch.num_targets, read_tokens=batch.num_read)


def _measures(
    rewards: Sequence[float | None], moved: Tensor, rows: Rows, cut: Tensor, grouped: Tensor
) -> dict[str, float]:
    """The mean reward of a step's replies, the KL in nats a reply, their length, and the shares that are cut, and that
    are in groups in which all got the same reward."""
    known = [reward for reward in rewards if reward is not None]
    equal = ((grouped - grouped[:, :1]).abs() < 1e-9).all(1)
    return {
        "reward": sum(known) / len(known) if known else math.nan,
        "kl_nats": float(moved.mean()),
        "reply_tokens": rows.num_targets / len(rows.inputs),
        "cut_replies": float(cut.float().mean()),
        "equal_groups": float(equal.float().mean()),
    }


def improve_policy(stage: PolicyGradient, model: LanguageModel, bench: Bench) -> Made:
    """The model after the stage: that of the last step."""
    assert isinstance(model, NeuralModel)
    started = time.perf_counter()
    reference = copy.deepcopy(model).eval().requires_grad_(False)
    writer = Writer(stage, bench, reference, prompts_for(stage, model, bench))
    writer.spent.seconds = time.perf_counter() - started
    loop = PolicyTraining(stage, reference, writer)
    loop.takes_share(stage.learning_rate_share, bench.name)
    training = replace(
        bench.training,
        warmup_fraction=0.0,
        schedule="linear",
        final_learning_rate_fraction=0.0,
        averaging_fraction=0.0,
        weight_decay=0.0,
        compile=False,
    )
    validation = validation_of(stage, bench)
    seed = seed_of("post", bench.name, bench.seed)
    spent, curve = GradientFit(model, loop, validation, training, stage.budget, seed, bench.folder).run(bench.say)
    facts = {
        "reward_before": writer.mean,
        "reward_deviation_before": writer.deviation,
        **{f"{name}_at_end": curve[-1][name] for name in ("reward", "kl_nats", "reply_tokens", "cut_replies")},
    }
    return Made(model, spent + writer.spent, curve, validation, facts)


def validation_of(stage: WritingStage, bench: Bench) -> Validation:
    """What the curve shows of what is forgotten: the assistant's turns in validation text, or all of it for sums."""
    if stage.prompts == "conversations":
        return conversations(bench)[1]
    documents = bench.corpus.validation[:_VALIDATION_DOCUMENTS]
    texts = [bench.tokenizer.encode(document.text) for document in documents]
    return Validation(texts, sum(document.num_bytes for document in documents))
