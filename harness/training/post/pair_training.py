"""How pairs are learnt: the reference writes two replies to each prompt, and the model comes to prefer the better one.

Shape legend: N pairs, 2 N replies, T tokens of a row (prompt and reply).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from harness.completion.reward import Reply
from harness.training.post import losses
from harness.training.post.pairs import Pairs
from harness.training.post.prompts import Asked
from harness.training.post.rated_pairs import RatedPairs
from harness.training.post.replies_training import learn_from_replies, refuse_difference
from harness.training.post.rollouts import Rows, differs_most, distributions, over_parts, rows_of, target_logprobs
from harness.training.post.stage import Bench, Made
from harness.training.post.writer import Writer
from harness.training.spent import Spent
from harness.training.stages import TrainingStage
from models.carried import Carry
from models.language_model import LanguageModel
from models.neural_model import NeuralModel


@dataclass(frozen=True)
class PairRows(Rows):
    """Pairs as a batch of training: the two replies of a pair are rows one after the other, (2 N, T)."""

    reference_logprobs: Tensor | None = None
    """(2 N,): of each reply, under the reference."""
    better: Tensor | None = None
    """(2 N,): which share of judges finds a reply better than the other of its pair; 1/2 where one of them has no
    reward."""
    measures: Mapping[str, float] | None = None
    """For the curve."""


class PairTraining(TrainingStage[PairRows]):
    """The stage in the training loop. From one step to the next it keeps nothing."""

    keeps_best = False
    drops_out = False

    def __init__(self, stage: Pairs, reference: NeuralModel, writer: Writer) -> None:
        """reference: the model before the stage, which nobody changes."""
        self.stage, self.reference, self.writer = stage, reference, writer
        self.rated = None if stage.ratings is None else RatedPairs(stage.ratings, writer.material, writer.bench)
        if self.rated is not None:
            writer.spent += Spent(**self.rated.spent)

    @torch.no_grad()
    def batch(self, model: NeuralModel, step: int, tokens_left: int | None) -> PairRows:
        asked, replies, better = self._pairs(step)
        rows = rows_of(asked, replies, model.start_token, model.device, group_size=2)
        assert rows.mask is not None
        logprobs = over_parts(rows, lambda part: target_logprobs(distributions(self.reference, part), part))
        if self.rated is None:
            refuse_difference(self.reference, differs_most(rows, logprobs, replies))
        better = better.to(model.device)
        given = (rows.inputs, rows.targets, rows.num_targets, rows.mask, rows.num_prompt_tokens, rows.group_size)
        pairs = PairRows(*given, (logprobs * rows.mask).sum(1), better)
        log_ratios = torch.cat([_log_ratios(model, part) for _, part in pairs.parts(None)])
        return replace(pairs, measures=_measures(log_ratios.view(-1, 2), better.view(-1, 2)))

    def _pairs(self, step: int) -> tuple[list[Asked], list[Reply], Tensor]:
        """(the prompt of each reply, the replies, (2 N,) which share of judges finds each the better one)."""
        writer, count = self.writer, self.stage.prompts_per_step
        if self.rated is not None:
            return self.rated.take(step * count, count)
        prompts = writer.prompts_of(step)
        replies = writer.write(self.reference, prompts, step)
        rewards = writer.judge(replies)[1].view(-1, 2)
        return writer.each(prompts), replies, (rewards - rewards.flip(1)).sigmoid().nan_to_num(0.5).flatten()

    def loss(self, model: NeuralModel, batch: PairRows, carry: Carry | None) -> tuple[Tensor, Carry | None]:
        assert batch.better is not None
        ratios = _log_ratios(model, batch)
        others = ratios.view(-1, 2).flip(1).flatten()
        of = losses.dpo if self.stage.loss == "dpo" else losses.ipo
        return of(ratios, others, self.stage.beta, weights=batch.better / batch.better.sum()), None

    def share(self, part: PairRows, whole: PairRows) -> float:
        return len(part.inputs) / len(whole.inputs)

    def measured(self, batch: PairRows) -> Mapping[str, float]:
        return batch.measures or {}

    def flops(self, batch: PairRows, forward_flops: int, train_flops: int) -> float:
        """Passes forward over prompts and replies, for the log-probabilities of the reference and of the model and,
        where replies are written, for writing them; and one forward and backward over the padded rows."""
        num_forward = 3 if self.rated is None else 2
        return num_forward * forward_flops * batch.num_read + train_flops * batch.num_computed

    def more_spent(self, batch: PairRows) -> Spent:
        writes = self.rated is None
        return Spent(
            episodes=len(batch.inputs),
            written_tokens=batch.num_targets if writes else 0,
            read_tokens=batch.num_read,
            ratings=len(batch.inputs) // 2 if writes else 0,
        )


def _log_ratios(model: NeuralModel, pairs: PairRows) -> Tensor:
    """(2 N,): log p / p_reference of each reply."""
    assert pairs.mask is not None
    assert pairs.reference_logprobs is not None
    return (target_logprobs(distributions(model, pairs), pairs) * pairs.mask).sum(1) - pairs.reference_logprobs


def _measures(log_ratios: Tensor, better: Tensor) -> dict[str, float]:
    """What the model says of pairs before it learns them: the mean log p / p_reference of the replies that more judges
    find better, and of the others; and the share of pairs in which the first is greater. Even pairs don't count.

    log_ratios, better: (N, 2).
    """
    first = better[:, :1]
    turned = torch.where(first > 0.5, log_ratios, log_ratios.flip(1))[first[:, 0] != 0.5]
    won = (turned[:, 0] > turned[:, 1]).float() + 0.5 * (turned[:, 0] == turned[:, 1]).float()
    return {
        "better_log_ratio": float(turned[:, 0].mean()),
        "worse_log_ratio": float(turned[:, 1].mean()),
        "pair_accuracy": float(won.mean()),
    }


def learn_pairs(stage: Pairs, model: LanguageModel, bench: Bench) -> Made:
    """The model after the stage: that of the last step."""
    assert isinstance(model, NeuralModel)
    return learn_from_replies(stage, model, bench, lambda reference, writer: PairTraining(stage, reference, writer))
