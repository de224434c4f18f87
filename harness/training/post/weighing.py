"""How weighted likelihood is done: families with gradients learn weighted replies step by step, families that count,
count them."""

from __future__ import annotations

import copy
from collections.abc import Mapping

from torch import Tensor

from harness.training.post import losses
from harness.training.post.replies_training import Judged, RepliesTraining, Rollouts, learn_from_replies
from harness.training.post.reply_counting import count_replies
from harness.training.post.reply_weights import effective, reply_weights
from harness.training.post.rollouts import distributions, target_logprobs
from harness.training.post.stage import Bench, Made
from harness.training.post.weighted_likelihood import WeightedLikelihood
from harness.training.post.writer import Writer
from models.carried import Carry
from models.language_model import LanguageModel
from models.neural_model import NeuralModel


class WeightedTraining(RepliesTraining[WeightedLikelihood]):
    """The stage in the training loop. From one step to the next it keeps the model that writes in this round."""

    def __init__(self, stage: WeightedLikelihood, reference: NeuralModel, writer: Writer) -> None:
        super().__init__(stage, reference, writer)
        self._author = copy.deepcopy(reference)

    def author(self, model: NeuralModel, step: int) -> NeuralModel:
        if step % self.stage.steps_per_round == 0:
            self._author.load_tensors({name: value.clone() for name, value in model.tensors().items()})
        return self._author

    def weigh(self, model: NeuralModel, judged: Judged, step: int) -> tuple[Tensor, Mapping[str, float]]:
        prompts = [asked.text for asked in judged.asked]
        log_ratios = -judged.moved.sum(1)
        weights = reply_weights(self.stage, prompts, judged.rewards.cpu(), log_ratios.cpu())
        return weights[:, None].to(judged.mask.device), {"effective_replies": effective(weights)}

    def loss(self, model: NeuralModel, batch: Rollouts, carry: Carry | None) -> tuple[Tensor, Carry | None]:
        assert batch.weights is not None
        return losses.weighted_likelihood(target_logprobs(distributions(model, batch), batch), batch.weights), None

    def share(self, part: Rollouts, whole: Rollouts) -> float:
        assert part.weights is not None
        assert whole.weights is not None
        return float(part.weights.sum() / whole.weights.sum()) if whole.weights.any() else 0.0

    def tensors(self) -> dict[str, Tensor]:
        return self._author.tensors()

    def load_tensors(self, tensors: dict[str, Tensor]) -> None:
        self._author.load_tensors(tensors)


def learn_by_weight(stage: WeightedLikelihood, model: LanguageModel, bench: Bench) -> Made:
    """The model after the stage."""
    if isinstance(model, NeuralModel):
        return learn_from_replies(
            stage, model, bench, lambda reference, writer: WeightedTraining(stage, reference, writer)
        )
    return count_replies(stage, model, bench)
