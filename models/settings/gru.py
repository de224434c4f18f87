"""The options of model=gru."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from models.language_model import LanguageModel
from models.settings.make import make
from models.settings.recurrent import RecurrentConfig


@dataclass(frozen=True)
class GRUConfig(RecurrentConfig):
    """Gated recurrent units."""

    family: ClassVar[str] = "gru"

    d_model: int = 288
    """Width of the embeddings and of each layer's hidden state; 1 or more."""

    def build(self, vocab_size: int, start_token: int) -> LanguageModel:
        return make("models.gru.GRU", self, vocab_size, start_token)
