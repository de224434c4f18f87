"""Families of language models. models/language_model.py defines the contract. Every other file at this level is a
family, or is shared by several families; a family's options are in models/settings/."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from models.language_model import Cost, CountingModel, LanguageModel, ModelConfig, NeuralModelConfig, State

if TYPE_CHECKING:
    from models.neural_model import NeuralModel, ParameterGroup

__all__ = [
    "Cost",
    "CountingModel",
    "LanguageModel",
    "ModelConfig",
    "NeuralModel",
    "NeuralModelConfig",
    "ParameterGroup",
    "State",
]


def __getattr__(name: str) -> Any:
    """What needs torch is imported when it is first used, so that a family's options are checked without it."""
    if name not in ("NeuralModel", "ParameterGroup"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from models import neural_model

    return getattr(neural_model, name)
