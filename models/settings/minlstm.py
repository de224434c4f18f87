"""The options of model=minlstm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from models.language_model import LanguageModel, OptimizerName
from models.settings.make import make
from models.settings.minimal_recurrent import MinimalRecurrentConfig


@dataclass(frozen=True)
class MinLSTMConfig(MinimalRecurrentConfig):
    """A minimal long short-term memory."""

    family: ClassVar[str] = "minlstm"

    # As a search found them (results/reference/tuning).
    num_layers: int = 2
    training_length: int = 128
    learning_rate: float = 0.0052
    optimizer: OptimizerName = "muon"

    def build(self, vocab_size: int, start_token: int) -> LanguageModel:
        return make("models.minlstm.MinLSTM", self, vocab_size, start_token)
