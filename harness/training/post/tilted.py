"""A correction above a model of any family, by which it learns as families with gradients do. Needs no torch.

The stage learns nothing itself. What comes after it changes the correction (models/tilted.py), and leaves the model
below as it is: so counts, combinations and models that come with their weights take every stage; and two families
can be changed by the same means.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.common.options import check_option
from harness.training.post.stage import Bench, Made, PostStage, done_by
from models.settings.tilted import Correction, TiltedConfig

if TYPE_CHECKING:
    from models.language_model import LanguageModel, ModelConfig


@dataclass(frozen=True, kw_only=True)
class Tilting(PostStage):
    """Options of the stage."""

    correction: Correction = field(default_factory=Correction)
    """How large the correction is."""
    learning_rate: float = 1.0
    """Of the correction; stages take a share of it."""

    def __post_init__(self) -> None:
        check_option(self, "learning_rate", self.learning_rate > 0, "above 0")

    def changed(self, model: ModelConfig) -> TiltedConfig:
        return TiltedConfig(base=model, correction=self.correction, learning_rate=self.learning_rate)

    def make(self, model: LanguageModel, bench: Bench) -> Made:
        return done_by("harness.training.post.tilting.tilt", self, model, bench)
