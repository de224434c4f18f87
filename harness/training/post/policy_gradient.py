"""Policy gradients: the model writes replies, and learns those that got more reward than expected.

What is raised is J = E[r] - beta KL(policy || reference). The reference is the fit that the stage begins with, and r the
standardised reward. The KL is in the reward, as its estimate k1 summed over a reply (harness/training/post/kl.py): R = r
- beta log p / p_reference. Replies are written at temperature 1, from the whole distribution.

reinforce, rloo and grpo are presets of this one stage. They differ in the baseline that is subtracted from R, in
whether what is left is divided by the standard deviation of the group of replies to one prompt, and in how tokens are
averaged.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from harness.common.options import check_least, check_option
from harness.training.post.families import why_not_gradients
from harness.training.post.stage import Bench, Made, StageBudget, done_by
from harness.training.post.writing_stage import WritingStage

if TYPE_CHECKING:
    from models.language_model import LanguageModel, ModelConfig

Baseline = Literal["leave_one_out", "group_mean", "none"]
AggregationName = Literal["sequence_sum", "sequence_mean", "token_mean", "constant"]
"""As `Aggregation` of harness/training/post/losses.py, which needs torch."""


@dataclass(frozen=True, kw_only=True)
class PolicyGradient(WritingStage):
    """Options of the stage."""

    budget: StageBudget = field(default_factory=lambda: StageBudget(episodes=4096))
    prompts_per_step: int = 32
    """Prompts in a step, each with its group of replies."""
    baseline: Baseline = "leave_one_out"
    """What is subtracted from a reply's R: the mean of its group's others, of its whole group, or nothing."""
    divides_by_deviation: bool = False
    """Whether the rest is divided by the standard deviation of the group's R."""
    aggregate: AggregationName = "constant"
    """How the tokens' losses become one: sequence_sum, sequence_mean, token_mean, or constant (the sum over
    max_new_tokens)."""
    learning_rate_share: float = 0.05
    """The peak of the learning rate, as a share of model.learning_rate; it falls to 0."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_least(self, prompts_per_step=1, beta=0)
        least = 1 if self.baseline == "none" and not self.divides_by_deviation else 2
        enough = self.replies_per_prompt >= least
        check_option(self, "replies_per_prompt", enough, f"{least} or more with baseline={self.baseline}")
        check_option(self, "learning_rate_share", self.learning_rate_share > 0, "above 0")

    def why_not(self, model: ModelConfig, name: str) -> str | None:
        return why_not_gradients(model, name)

    def make(self, model: LanguageModel, bench: Bench) -> Made:
        return done_by("harness.training.post.policy.improve_policy", self, model, bench)
