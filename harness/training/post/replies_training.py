"""What stages share that learn at each step from new replies: these as rows of training, and what they are worth.

Shape legend: B replies, G prompts with K replies each, T tokens of a row (prompt and reply), V vocabulary size.
"""

from __future__ import annotations

import copy
import math
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from harness.common.seeds import seed_of
from harness.completion.reward import Reply
from harness.training.curve import Validation, validation_text
from harness.training.gradients import GradientFit
from harness.training.post import kl
from harness.training.post.answers import answered_texts
from harness.training.post.prompts import Asked
from harness.training.post.rollouts import (
    Rows,
    differs_most,
    distributions,
    is_cut,
    over_parts,
    rows_of,
    target_logprobs,
)
from harness.training.post.stage import Bench, Made
from harness.training.post.writer import Writer, prompts_for
from harness.training.post.writing_stage import WritingStage
from harness.training.spent import Spent
from harness.training.stages import TrainingStage
from models.language_model import LanguageModel
from models.neural_model import NeuralModel

# Nats of a token, between how it was written and how it is trained.
_LARGEST_DIFFERENCE = 1e-2

StageT = TypeVar("StageT", bound=WritingStage)


@dataclass(frozen=True)
class Rollouts(Rows):
    """What a step learns from."""

    weights: Tensor | None = None
    """(B, T): how much likelier each token is to become, or less likely where it is below 0; 0 outside of replies."""
    logprobs: Tensor | None = None
    """(B, T): of the targets, under the model that wrote them; 0 outside of replies."""
    measures: Mapping[str, float] | None = None
    """For the curve."""


@dataclass(frozen=True, eq=False)
class Judged:
    """The replies of a step, and what they are worth."""

    asked: Sequence[Asked]
    """The prompt of each reply."""
    rows: Rows
    mask: Tensor
    """(B, T): which targets are of replies."""
    logprobs: Tensor
    """(B, T): of the targets, under the model that wrote them; 0 outside of replies."""
    reference_logprobs: Tensor
    """(B, T): the same under the reference."""
    rewards: Tensor
    """(B,): standardised; NaN where none is known."""

    @property
    def moved(self) -> Tensor:
        """(B, T): the estimate k1 of the KL from the reference."""
        return kl.k1(self.logprobs, self.reference_logprobs)


class RepliesTraining(TrainingStage[Rollouts], Generic[StageT]):
    """Replies are written by the model itself; a subclass says how each token weighs. From one step to the next nothing
    is kept here."""

    keeps_best = False
    drops_out = False

    def __init__(self, stage: StageT, reference: NeuralModel, writer: Writer) -> None:
        """reference: the model before the stage, which nobody changes."""
        self.stage, self.reference, self.writer = stage, reference, writer
        self.num_forward = 3.0
        """Passes forward over a step's tokens: writing, and the log-probabilities of the writer and the reference."""

    @abstractmethod
    def weigh(self, model: NeuralModel, judged: Judged, step: int) -> tuple[Tensor, Mapping[str, float]]:
        """The weight of each token: (B, T), or (B, 1) for all tokens of a reply; and what the curve says of it."""

    def author(self, model: NeuralModel, step: int) -> NeuralModel:
        """The model that writes at a step. Here: as it is."""
        return model

    @torch.no_grad()
    def batch(self, model: NeuralModel, step: int, tokens_left: int | None) -> Rollouts:
        writer, author = self.writer, self.author(model, step)
        prompts = writer.prompts_of(step)
        asked, replies = writer.each(prompts), writer.write(author, prompts, step)
        rows = rows_of(asked, replies, model.start_token, model.device)
        assert rows.mask is not None
        scored = over_parts(rows, lambda part: _compared(author, self.reference, part))
        logprobs, reference_logprobs, moved = scored.masked_fill(~rows.mask[..., None], 0.0).unbind(-1)
        refuse_difference(author, differs_most(rows, logprobs, replies))
        raw, rewards = writer.judge(replies)
        judged = Judged(asked, rows, rows.mask, logprobs, reference_logprobs, rewards.to(model.device))
        weights, measures = self.weigh(model, judged, step)
        measures = {**measures_of(raw, replies, moved.sum(1)), **writer.mean_gold(replies), **measures}
        measures |= self._equal_groups(rewards)
        given = (rows.inputs, rows.targets, rows.num_targets, rows.mask, rows.num_prompt_tokens, rows.group_size)
        return Rollouts(*given, (weights * rows.mask).float(), logprobs, measures)

    def _equal_groups(self, rewards: Tensor) -> dict[str, float]:
        """The share of groups in which all got the same reward, where there are groups. rewards: (B,)."""
        if self.stage.replies_per_prompt == 1:
            return {}
        grouped = rewards.view(-1, self.stage.replies_per_prompt)
        return {"equal_groups": float(((grouped - grouped[:, :1]).abs() < 1e-9).all(1).float().mean())}

    def share(self, part: Rollouts, whole: Rollouts) -> float:
        return len(part.inputs) / len(whole.inputs)

    def measured(self, batch: Rollouts) -> Mapping[str, float]:
        return batch.measures or {}

    def flops(self, batch: Rollouts, forward_flops: int, train_flops: int) -> float:
        """The passes forward over prompts and replies; and passes forward and backward over the padded rows."""
        return self.num_forward * forward_flops * batch.num_read + self.epochs * train_flops * batch.num_computed

    def more_spent(self, batch: Rollouts) -> Spent:
        return Spent(episodes=len(batch.inputs), written_tokens=batch.num_targets, read_tokens=batch.num_read)


def _compared(model: NeuralModel, reference: NeuralModel, rows: Rows) -> Tensor:
    """(b, t, 3): of each target, the log-probability under the model and under the reference, and the KL of the
    distributions."""
    own, before = distributions(model, rows), distributions(reference, rows)
    return torch.stack([target_logprobs(own, rows), target_logprobs(before, rows), kl.exact(own, before)], dim=-1)


def refuse_difference(model: LanguageModel, difference: float) -> None:
    """RuntimeError where a model writes with other probabilities than it is trained with."""
    if difference > _LARGEST_DIFFERENCE:
        raise RuntimeError(
            f"model={model.config.family} gives a reply's token another log-probability when it writes than when it is "
            f"trained, by {difference:.3g} nats. `bakeoff check model {model.config.family}` says more."
        )


def measures_of(rewards: Sequence[float | None], replies: Sequence[Reply], moved: Tensor) -> dict[str, float]:
    """The mean reward of replies, the KL from the reference in nats a reply (moved: of each, (B,)), their length, and
    the share that is cut."""
    known = [reward for reward in rewards if reward is not None]
    return {
        "reward": sum(known) / len(known) if known else math.nan,
        "kl_nats": float(moved.mean()),
        "reply_tokens": sum(len(reply.completion.tokens) for reply in replies) / len(replies),
        "cut_replies": sum(is_cut(reply.completion) for reply in replies) / len(replies),
    }


def learn_from_replies(
    stage: WritingStage,
    model: NeuralModel,
    bench: Bench,
    training_stage: Callable[[NeuralModel, Writer], TrainingStage[Any]],
) -> Made:
    """The model after a stage: that of the last step. training_stage: made of the reference and the writer."""
    reference = copy.deepcopy(model).eval().requires_grad_(False)
    writer = Writer(stage, bench, reference, prompts_for(stage, model, bench))
    loop = training_stage(reference, writer)
    loop.takes_share(stage.learning_rate_share, bench.name)
    training = replace(
        bench.training,
        warmup_fraction=0.0,
        schedule="linear",
        final_learning_rate_fraction=0.0,
        averaging_fraction=0.0,
        weight_decay=0.0,
        precision="float32",
        compile=False,
    )
    validation = validation_for(stage, bench)
    seed = seed_of("post", bench.name, bench.seed)
    spent, curve = GradientFit(model, loop, validation, training, stage.budget, seed, bench.folder).run(bench.say)
    facts, spent_after = writer.outcome(model)
    return Made(model, spent + writer.spent + spent_after, curve, validation, facts)


def validation_for(stage: WritingStage, bench: Bench) -> Validation:
    """What the curve shows of what is forgotten: the assistant's turns in validation text, or all of it for sums."""
    if stage.prompts == "conversations":
        return answered_texts(stage.prompts, bench)[1]
    return validation_text(bench.corpus, bench.tokenizer, bench.training.validation_bytes)
