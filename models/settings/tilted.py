"""The options of a model whose predictions are corrected by a log-linear model above it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from models.language_model import LanguageModel, ModelConfig, NeuralModelConfig
from models.settings.make import make


@dataclass(frozen=True)
class Correction:
    """How large the correction is."""

    most_context: int = 4
    """The most tokens of context that it looks at; no more than the model itself. 0 or more."""
    num_slots: int = 16_384
    """Rows of the table for contexts of one length: where there are more contexts, some share a row. 1 or more."""

    def __post_init__(self) -> None:
        if self.most_context < 0:
            raise ValueError(f"most_context={self.most_context} is not allowed: it must be 0 or more")
        if self.num_slots < 1:
            raise ValueError(f"num_slots={self.num_slots} is not allowed: it must be 1 or more")


@dataclass(frozen=True, kw_only=True)
class TiltedConfig(NeuralModelConfig):
    """A model of any family, and a correction above it that learns by gradients. A stage of post-training makes it; it
    is no choice of model=."""

    family: ClassVar[str] = "tilted"

    base: ModelConfig
    """The model before, which never changes."""
    correction: Correction = field(default_factory=Correction)
    learning_rate: float = 1.0
    """Stages learn at a share of it."""

    @property
    def trained_from(self) -> ModelConfig:
        return self.base.trained_from

    @property
    def window_length(self) -> int | None:
        return self.base.window_length

    def build(self, vocab_size: int, start_token: int) -> LanguageModel:
        return make("models.tilted.Tilted", self, self.base.build(vocab_size, start_token))
