"""Families of language models. models/language_model.py defines the contract. Every other file at this level is a
family, or is shared by several families; a family's options are in models/settings/."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from models.language_model import (
    Cost,
    CountingModel,
    LanguageModel,
    ModelConfig,
    NeuralModelConfig,
    OptimizerName,
    State,
)

if TYPE_CHECKING:
    from models.carried import CarriedModel, Carry
    from models.neural_model import NeuralModel, ParameterGroup

__all__ = [
    "CarriedModel",
    "Carry",
    "Cost",
    "CountingModel",
    "LanguageModel",
    "ModelConfig",
    "NeuralModel",
    "NeuralModelConfig",
    "OptimizerName",
    "ParameterGroup",
    "State",
]

_NEEDS_TORCH = {
    "CarriedModel": "models.carried",
    "Carry": "models.carried",
    "NeuralModel": "models.neural_model",
    "ParameterGroup": "models.neural_model",
}


def __getattr__(name: str) -> Any:
    """What needs torch is imported when it is first used, so that a family's options are checked without it."""
    if name not in _NEEDS_TORCH:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_NEEDS_TORCH[name]), name)
