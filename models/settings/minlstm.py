"""The options of model=minlstm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from models.language_model import LanguageModel
from models.settings.make import make
from models.settings.minimal_recurrent import MinimalRecurrentConfig


@dataclass(frozen=True)
class MinLSTMConfig(MinimalRecurrentConfig):
    """A minimal long short-term memory."""

    family: ClassVar[str] = "minlstm"

    def build(self, vocab_size: int, start_token: int) -> LanguageModel:
        return make("models.minlstm.MinLSTM", self, vocab_size, start_token)
