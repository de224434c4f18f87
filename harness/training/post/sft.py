"""Supervised fine-tuning: the model learns to answer, by the assistant's turns in the conversations of the training
text, or by its sums.

Learnt are the assistant's words and what hands over, and nothing else: not the human's words, not labels that open a
turn, not the document's end. Of sums it is the answer with the line's end. Families with gradients raise the likelihood
of these tokens; families that count, count them (models/adapted.py), each after whatever came before it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.common.options import check_option
from harness.training.post.families import counted_above, why_not_weighted
from harness.training.post.prompts import PromptKind, why_none
from harness.training.post.stage import Bench, Made, PostStage, StageBudget, done_by
from models.settings.adapted import Adaptation

if TYPE_CHECKING:
    from harness.text.data.corpus import Corpus
    from models.language_model import LanguageModel, ModelConfig


@dataclass(frozen=True, kw_only=True)
class SupervisedFineTuning(PostStage):
    """Options of the stage."""

    prompts: PromptKind = "conversations"
    """What is answered in the training text: the assistant's turns in conversations, or sums (12+7=)."""
    budget: StageBudget = field(default_factory=lambda: StageBudget(tokens=300_000))
    """Families that count read a conversation once at most."""
    replay: float = 0.1
    """Share of the text that is any document of the training text, learnt whole, so that less of it is forgotten (as in
    Ouyang et al. 2022); for families with gradients. Families that count keep what they counted."""
    learning_rate_share: float = 0.3
    """The peak of the learning rate, as a share of model.learning_rate."""
    adaptation: Adaptation = field(default_factory=Adaptation)
    """How counts change a family that counts."""

    def __post_init__(self) -> None:
        check_option(self, "replay", 0 <= self.replay < 1, "from 0 up to, but not including, 1")
        check_option(self, "learning_rate_share", self.learning_rate_share > 0, "above 0")

    def why_not(self, model: ModelConfig, name: str) -> str | None:
        return why_not_weighted(model, name)

    def why_nothing_to_learn(self, corpus: Corpus) -> str | None:
        return why_none(self.prompts, corpus) or why_none(self.prompts, corpus, "validation")

    def changed(self, model: ModelConfig) -> ModelConfig:
        return counted_above(model, self.adaptation)

    def make(self, model: LanguageModel, bench: Bench) -> Made:
        return done_by("harness.training.post.answers.learn_answers", self, model, bench)
