"""How a policy gradient is done: at each step replies are written, judged and learnt.

Shape legend: B replies, G prompts with K replies each, T tokens of a row (prompt and reply), F features of a place.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from harness.training.post import advantages, losses
from harness.training.post.critic import Critic
from harness.training.post.policy_gradient import PolicyGradient
from harness.training.post.replies_training import Judged, RepliesTraining, Rollouts, learn_from_replies
from harness.training.post.rollouts import distributions, over_parts, target_logprobs
from harness.training.post.stage import Bench, Made
from harness.training.post.writer import Writer
from models.carried import Carry
from models.language_model import LanguageModel
from models.neural_model import NeuralModel


class PolicyTraining(RepliesTraining[PolicyGradient]):
    """The stage in the training loop. From one step to the next it keeps the critic, where there is one."""

    def __init__(self, stage: PolicyGradient, reference: NeuralModel, writer: Writer) -> None:
        super().__init__(stage, reference, writer)
        self.epochs = stage.epochs
        self.critic: Critic | None = None
        if stage.baseline == "critic":
            start = torch.full((1, 1), reference.start_token, device=reference.device)
            self.critic = Critic(stage.critic, reference.features(start).shape[2], reference.device)
            self.num_forward += 1  # the features

    def weigh(self, model: NeuralModel, judged: Judged, step: int) -> tuple[Tensor, Mapping[str, float]]:
        missing = judged.rewards.isnan()[:, None]
        if self.critic is not None:
            known = judged.mask & ~missing
            features = over_parts(judged.rows, lambda part: model.features(part.inputs))
            weights, measures = self._by_critic(self.critic, features, judged, known, step)
        else:
            whole = judged.rewards - self.stage.beta * judged.moved.sum(1)
            grouped = self._advantages(whole.view(-1, self.stage.replies_per_prompt))
            weights, measures = grouped.view(-1, 1).expand_as(judged.mask), {}
        if self.stage.scale == "batch":
            weights = advantages.whitened(weights, judged.mask & ~missing)
        return weights.masked_fill(missing, 0.0), measures

    def _advantages(self, rewards: Tensor) -> Tensor:
        """(G, K) of R (G, K). One that is missing counts as the mean of its group's others."""
        filled = torch.where(rewards.isnan(), rewards.nanmean(1, keepdim=True), rewards).nan_to_num()
        deviation = filled.std(1, keepdim=True) + 1e-4 if self.stage.scale == "group" else 1.0
        if self.stage.baseline == "leave_one_out":
            filled = advantages.leave_one_out(filled)
        elif self.stage.baseline == "group_mean":
            filled = advantages.group_mean(filled, is_scaled=False)
        return filled / deviation

    def _by_critic(
        self, critic: Critic, features: Tensor, judged: Judged, mask: Tensor, step: int
    ) -> tuple[Tensor, Mapping[str, float]]:
        """(B, T) generalised advantages over the critic, which then learns; and which share of the returns' variance it
        had expected. features: (B, T, F). The reward is at a reply's last token, and the price of KL at each."""
        place = torch.arange(mask.shape[1], device=mask.device)
        is_last = place == (place * judged.mask).amax(1, keepdim=True)
        rewards = (judged.rewards[:, None] * is_last - self.stage.beta * judged.moved).masked_fill(~mask, 0.0)
        if not critic.has_begun:
            critic.begin(float(advantages.return_to_go(rewards)[mask].mean()))
        expected = critic.expected(features).detach().masked_fill(~mask, 0.0)
        surplus = advantages.generalised(rewards, expected, discount=1.0, decay=self.stage.critic.decay)
        returns = surplus + expected
        explained = 1 - float((returns - expected)[mask].var() / returns[mask].var())
        critic.learn(features, returns, mask, self.epochs)
        learns = step >= self.stage.critic.warmup_steps
        return surplus * learns, {"critic_explained": explained}

    def loss(self, model: NeuralModel, batch: Rollouts, carry: Carry | None) -> tuple[Tensor, Carry | None]:
        assert batch.mask is not None
        assert batch.weights is not None
        assert batch.logprobs is not None
        logprobs = target_logprobs(distributions(model, batch), batch)
        clip, how, most = self.stage.clip, self.stage.aggregate, self.stage.max_new_tokens
        if self.epochs == 1:  # the gradient is the same, since no probability has changed
            return losses.reinforce(logprobs, batch.weights, batch.mask, how, most), None
        old = batch.logprobs
        return losses.clipped_policy(logprobs, old, batch.weights, batch.mask, (clip, clip), "token", how, most), None

    def share(self, part: Rollouts, whole: Rollouts) -> float:
        if self.stage.aggregate == "token_mean":
            return part.num_targets / max(1, whole.num_targets)
        return super().share(part, whole)

    def tensors(self) -> dict[str, Tensor]:
        return {} if self.critic is None else self.critic.tensors()

    def load_tensors(self, tensors: dict[str, Tensor]) -> None:
        if self.critic is not None:
            self.critic.load_tensors(tensors)


def improve_policy(stage: PolicyGradient, model: LanguageModel, bench: Bench) -> Made:
    """The model after the stage: that of the last step."""
    assert isinstance(model, NeuralModel)
    return learn_from_replies(stage, model, bench, lambda reference, writer: PolicyTraining(stage, reference, writer))
