"""Families of language models. models/language_model.py defines the contract. Every other file at this level is a
family, or is shared by several families."""

from models.language_model import (
    Cost,
    CountingModel,
    LanguageModel,
    ModelConfig,
    NeuralModel,
    NeuralModelConfig,
    ParameterGroup,
    State,
)

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
