"""Families of language models. What a model is: models/language_model.py. Every other file at this level is a family,
or what several families share."""

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
