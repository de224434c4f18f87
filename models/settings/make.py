"""How a family's options, which need no torch, get to its models, which do."""

from __future__ import annotations

import importlib
from typing import Any

from models.language_model import LanguageModel


def make(address: str, *arguments: Any) -> LanguageModel:
    """What the class or function at an address, as 'models.lstm.LSTM', makes of the arguments; imported only now."""
    module, _, name = address.rpartition(".")
    model: LanguageModel = getattr(importlib.import_module(module), name)(*arguments)
    return model
