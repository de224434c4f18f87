"""The options of model=bigram."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from models.checks import check_option
from models.language_model import LanguageModel, ModelConfig
from models.settings.make import make


@dataclass(frozen=True)
class BigramConfig(ModelConfig):
    """A Markov chain that backs off to token frequencies."""

    family: ClassVar[str] = "bigram"

    concentration: float = 50.0
    """How many observed tokens the unigram distribution is worth in each row; above 0."""

    def __post_init__(self) -> None:
        check_option(self, "concentration", self.concentration > 0, "above 0, so that every pair has a probability")

    @property
    def is_deterministic(self) -> bool:
        return True

    def build(self, vocab_size: int, start_token: int) -> LanguageModel:
        return make("models.bigram.Bigram", self, vocab_size, start_token)
