"""The options of model=unigram."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from models.checks import check_option
from models.language_model import LanguageModel, ModelConfig
from models.settings.make import make


@dataclass(frozen=True)
class UnigramConfig(ModelConfig):
    """Token frequencies with additive smoothing."""

    family: ClassVar[str] = "unigram"

    pseudo_count: float = 1.0
    """Added to the count of every token; above 0."""

    def __post_init__(self) -> None:
        check_option(self, "pseudo_count", self.pseudo_count > 0, "above 0, so that every token has a probability")

    @property
    def is_deterministic(self) -> bool:
        return True

    def build(self, vocab_size: int, start_token: int) -> LanguageModel:
        return make("models.unigram.Unigram", self, vocab_size, start_token)
