"""Policy gradients: the model writes replies, and learns those that got more reward than expected. Needs no torch.

What is raised is J = E[r] - beta KL(policy || reference). The reference is the fit that the stage begins with, and r
the standardised reward. The KL is in the reward, as its estimate k1 of each token (harness/training/post/kl.py); summed
over a reply, R = r - beta log p / p_reference. Replies are written at temperature 1, from the whole distribution.

reinforce, rloo, grpo and ppo are presets of this one stage. They differ in what is subtracted from R, in what the rest
is divided by, in how often the replies of a step are learnt, and in how tokens are averaged.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from harness.common.options import check_least, check_option
from harness.training.post.families import why_not_gradients
from harness.training.post.stage import Bench, Made, done_by
from harness.training.post.writing_stage import WritingStage

if TYPE_CHECKING:
    from models.language_model import LanguageModel, ModelConfig

Baseline = Literal["leave_one_out", "group_mean", "critic", "none"]
Scale = Literal["none", "group", "batch"]
AggregationName = Literal["sequence_sum", "sequence_mean", "token_mean", "constant"]
"""As `Aggregation` of harness/training/post/losses.py, which needs torch."""


@dataclass(frozen=True)
class CriticOptions:
    """What expects at each token how much a reply still gets."""

    decay: float = 0.95
    """The lambda of generalised advantages: 1 takes what a reply got in the end, 0 what the critic expects next."""
    learning_rate: float = 0.01
    """Of the critic alone."""
    clip: float = 0.2
    """The furthest that an expectation is moved by one step."""
    warmup_steps: int = 2
    """Steps at the beginning in which only the critic learns."""

    def __post_init__(self) -> None:
        check_option(self, "decay", 0 <= self.decay <= 1, "from 0 to 1")
        for name in ("learning_rate", "clip"):
            check_option(self, name, getattr(self, name) > 0, "above 0")
        check_least(self, warmup_steps=0)


@dataclass(frozen=True, kw_only=True)
class PolicyGradient(WritingStage):
    """Options of the stage."""

    baseline: Baseline = "leave_one_out"
    """What is subtracted from a reply's R: the mean of its group's others, of its whole group, what a critic expected
    at each token, or nothing."""
    critic: CriticOptions = field(default_factory=CriticOptions)
    """For baseline=critic."""
    scale: Scale = "none"
    """What the rest is divided by: nothing, the standard deviation of the group's R, or that of all tokens of the step,
    whose mean is subtracted too."""
    epochs: int = 1
    """How often the replies of a step are learnt."""
    clip: float = 0.2
    """A token whose probability has changed by this share since it was written is changed no further."""
    aggregate: AggregationName = "constant"
    """How the tokens' losses become one: sequence_sum, sequence_mean, token_mean, or constant (the sum over
    max_new_tokens)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_least(self, beta=0, epochs=1)
        check_option(self, "clip", self.clip > 0, "above 0")
        compares = self.baseline in ("leave_one_out", "group_mean") or self.scale == "group"
        why = f"2 or more with baseline={self.baseline} and scale={self.scale}, which compare the replies of a group"
        check_option(self, "replies_per_prompt", self.replies_per_prompt >= (2 if compares else 1), why)
        can_divide = not (self.scale == "group" and self.baseline == "critic")
        check_option(self, "scale", can_divide, "none or batch with baseline=critic, which values tokens, not replies")

    def why_not(self, model: ModelConfig, name: str) -> str | None:
        return why_not_gradients(model, name) or self.why_no_room(model.window_length, name)

    def make(self, model: LanguageModel, bench: Bench) -> Made:
        return done_by("harness.training.post.policy.improve_policy", self, model, bench)
