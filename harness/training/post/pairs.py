"""Pairs: the model learns which of two replies is the better one, without writing as it learns. Needs no torch.

The fit before the stage (the reference) writes two replies to each prompt. Which is better is known as a share of
judges: that of Bradley and Terry, sigma(r_1 - r_2) of the standardised rewards. Or both are taken from ratings, and the
raters are the judges. dpo and ipo are presets. With Delta = log p / p_reference of a reply, both raise Delta_better -
Delta_worse: dpo as far as the shares of judges say, so its optimum is that of E[r] - beta KL (Rafailov et al. 2023);
ipo to 1 / (2 beta), times how much more than half of the judges agree (Azar et al. 2023).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from harness.common.options import check_option
from harness.ratings.source import RatingsSource
from harness.training.post.families import why_not_gradients
from harness.training.post.stage import Bench, Made, done_by
from harness.training.post.writing_stage import WritingStage

if TYPE_CHECKING:
    from models.language_model import LanguageModel, ModelConfig


@dataclass(frozen=True, kw_only=True)
class Pairs(WritingStage):
    """Options of the stage."""

    loss: Literal["dpo", "ipo"] = "dpo"
    replies_per_prompt: int = 2
    """A pair."""
    pairs: Literal["written", "rated"] = "written"
    """Where pairs come from: the fit before the stage writes them, and rewards say which reply is better; or
    ratings."""
    ratings: RatingsSource | None = None
    """Those of ratings=, for pairs=rated."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_option(self, "beta", self.beta > 0, "above 0")
        check_option(self, "replies_per_prompt", self.replies_per_prompt == 2, "2: a pair")
        if self.pairs == "written":
            object.__setattr__(self, "ratings", None)  # they change nothing, so the fit isn't named by them
        check_option(
            self, "pairs", self.pairs == "written" or self.ratings is not None, "written where ratings is null"
        )

    def why_not(self, model: ModelConfig, name: str) -> str | None:
        return why_not_gradients(model, name) or self.why_no_room(model.window_length, name)

    def make(self, model: LanguageModel, bench: Bench) -> Made:
        return done_by("harness.training.post.pair_training.learn_pairs", self, model, bench)
