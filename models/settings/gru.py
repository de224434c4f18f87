"""The options of model=gru."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from models.language_model import LanguageModel, OptimizerName
from models.settings.make import make
from models.settings.recurrent import RecurrentConfig


@dataclass(frozen=True)
class GRUConfig(RecurrentConfig):
    """Gated recurrent units."""

    family: ClassVar[str] = "gru"

    # As a search found them (results/reference/tuning).
    num_layers: int = 2
    training_length: int = 32
    learning_rate: float = 0.0096
    optimizer: OptimizerName = "muon"

    d_model: int = 176
    """Width of the embeddings and of each layer's hidden state; 1 or more."""

    def build(self, vocab_size: int, start_token: int) -> LanguageModel:
        return make("models.gru.GRU", self, vocab_size, start_token)
