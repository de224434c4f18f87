"""The options of model=lstm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from models.language_model import LanguageModel, OptimizerName
from models.settings.make import make
from models.settings.recurrent import RecurrentConfig


@dataclass(frozen=True)
class LSTMConfig(RecurrentConfig):
    """Long short-term memory."""

    family: ClassVar[str] = "lstm"

    # As a search found them (results/reference/tuning).
    num_layers: int = 2
    training_length: int = 128
    learning_rate: float = 0.01
    optimizer: OptimizerName = "muon"

    d_model: int = 176
    """Width of the embeddings and of each layer's hidden state; 1 or more."""

    def build(self, vocab_size: int, start_token: int) -> LanguageModel:
        return make("models.lstm.LSTM", self, vocab_size, start_token)
