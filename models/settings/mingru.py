"""The options of model=mingru."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from models.language_model import LanguageModel
from models.settings.make import make
from models.settings.minimal_recurrent import MinimalRecurrentConfig


@dataclass(frozen=True)
class MinGRUConfig(MinimalRecurrentConfig):
    """A minimal gated recurrent unit."""

    family: ClassVar[str] = "mingru"

    def build(self, vocab_size: int, start_token: int) -> LanguageModel:
        return make("models.mingru.MinGRU", self, vocab_size, start_token)
