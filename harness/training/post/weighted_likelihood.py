"""Weighted likelihood: the model writes replies, and learns them by weights of 0 or more. Needs no torch.

So families that count can do it as well as those with gradients. rejection and reward_weighted are presets.

rejection learns the best reply to each prompt (Zelikman et al. 2022, STaR; Dong et al. 2023, RAFT). What it comes to is
the best of a few replies, which is no optimum of E[r] - beta KL.

reward_weighted gives each reply y to a prompt the weight w(y) = exp(r(y) / beta) p_reference(y) / p_writer(y), divided
by the mean of the prompt's other weights. So what is learnt is the optimum p* of E[r] - beta KL(p || p_reference), as
far as the family can be it: the p nearest to p* in KL(p* || p) (Peters and Schaal 2007; Dayan and Hinton 1997). Without
the ratio of the reference, each round would move on by as much again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from harness.common.options import check_least, check_option
from harness.training.post.families import counted_above, why_not_weighted
from harness.training.post.stage import Bench, Made, done_by
from harness.training.post.writing_stage import WritingStage
from models.settings.adapted import Adaptation

if TYPE_CHECKING:
    from models.language_model import LanguageModel, ModelConfig

Weighting = Literal["best", "exponential"]


@dataclass(frozen=True, kw_only=True)
class WeightedLikelihood(WritingStage):
    """Options of the stage."""

    weighting: Weighting = "exponential"
    """best: 1 for the best reply to a prompt, which several may share, and 0 for others. exponential: exp(r / beta)
    p_reference / p_writer, over the mean of the prompt's replies."""
    rounds: int = 4
    """How often the model that writes is replaced by what it has become: each round is an equal share of
    budget.episodes."""
    adaptation: Adaptation = field(default_factory=Adaptation)
    """How counts change a family that counts."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_option(self, "beta", self.beta > 0, "above 0")
        check_option(self, "replies_per_prompt", self.replies_per_prompt >= 2, "2 or more: replies are compared")
        check_least(self, rounds=1)
        check_option(self, "budget", self.budget.episodes is not None, "one with episodes, which rounds share")

    @property
    def steps_per_round(self) -> int:
        assert self.budget.episodes is not None
        return max(1, -(-self.budget.episodes // (self.rounds * self.episodes_per_step)))

    def why_not(self, model: ModelConfig, name: str) -> str | None:
        return why_not_weighted(model, name) or self.why_no_room(model.window_length, name)

    def changed(self, model: ModelConfig) -> ModelConfig:
        return counted_above(model, self.adaptation)

    def make(self, model: LanguageModel, bench: Bench) -> Made:
        return done_by("harness.training.post.weighing.learn_by_weight", self, model, bench)
