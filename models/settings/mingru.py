"""The options of model=mingru."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from models.language_model import LanguageModel, OptimizerName
from models.settings.make import make
from models.settings.minimal_recurrent import MinimalRecurrentConfig


@dataclass(frozen=True)
class MinGRUConfig(MinimalRecurrentConfig):
    """A minimal gated recurrent unit."""

    family: ClassVar[str] = "mingru"

    # As a search found them (results/reference/tuning).
    num_layers: int = 2
    training_length: int = 64
    learning_rate: float = 0.0055
    optimizer: OptimizerName = "muon"

    def build(self, vocab_size: int, start_token: int) -> LanguageModel:
        return make("models.mingru.MinGRU", self, vocab_size, start_token)
