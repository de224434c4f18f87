"""Families of language models. What a model is: models/language_model.py. Every other file at this level is a family,
or what several families share."""

from models.carried import CarriedModel, Carry
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
    "CarriedModel",
    "Carry",
    "Cost",
    "CountingModel",
    "LanguageModel",
    "ModelConfig",
    "NeuralModel",
    "NeuralModelConfig",
    "ParameterGroup",
    "State",
]
