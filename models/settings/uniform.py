"""The options of model=uniform: none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from models.language_model import LanguageModel, ModelConfig
from models.settings.make import make


@dataclass(frozen=True)
class UniformConfig(ModelConfig):
    """There is nothing to choose."""

    family: ClassVar[str] = "uniform"

    @property
    def is_deterministic(self) -> bool:
        return True

    def build(self, vocab_size: int, start_token: int) -> LanguageModel:
        return make("models.uniform.Uniform", self, vocab_size, start_token)
