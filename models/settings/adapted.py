"""The options of a counting model that was adapted by more counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from models.language_model import LanguageModel, ModelConfig
from models.settings.make import make


@dataclass(frozen=True)
class Adaptation:
    """How counts change a model."""

    most_context: int = 8
    """The most tokens of context that they look at; no more than the model itself. 0 or more."""

    def __post_init__(self) -> None:
        if self.most_context < 0:
            raise ValueError(f"most_context={self.most_context} is not allowed: it must be 0 or more")


@dataclass(frozen=True)
class AdaptedConfig(ModelConfig):
    """A model that counts, and what it was adapted with. A stage of post-training makes it; it is no choice of model=.

    A model that was adapted twice is one of these over another.
    """

    family: ClassVar[str] = "adapted"

    base: ModelConfig
    """The model before."""
    adaptation: Adaptation

    @property
    def is_deterministic(self) -> bool:
        return self.base.is_deterministic

    @property
    def trained_from(self) -> ModelConfig:
        return self.base.trained_from

    @property
    def window_length(self) -> int | None:
        return self.base.window_length

    def build(self, vocab_size: int, start_token: int) -> LanguageModel:
        return make("models.adapted.Adapted", self, self.base.build(vocab_size, start_token))
