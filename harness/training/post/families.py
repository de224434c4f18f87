"""Which families a stage can change, as sentences for the user. Needs no torch."""

from __future__ import annotations

from models.language_model import ModelConfig, NeuralModelConfig
from models.settings.adapted import Adaptation, AdaptedConfig
from models.settings.combined import CombinedConfig


def why_not_weighted(model: ModelConfig, stage: str) -> str | None:
    """Why a stage with weights of 0 or more, as sft, can't change a family; None where it can."""
    put = f"Put tilted before it, which adds a correction that learns, as post=[tilted,{stage}]"
    if isinstance(model, CombinedConfig):
        return f"model={model.family} combines fits of its members, which a stage would have to change together. {put}"
    if model.is_fitted:
        return f"model={model.family} comes with its weights, which aren't trained here. {put}"
    return None


def why_not_gradients(model: ModelConfig, stage: str) -> str | None:
    """Why a stage whose weights may be below 0, as rloo, can't change a family; None where it can."""
    if (why := why_not_weighted(model, stage)) is not None:
        return why
    if not isinstance(model, NeuralModelConfig):
        family, before = (model.trained_from.family, "sft,") if isinstance(model, AdaptedConfig) else (model.family, "")
        return (
            f"model={family} has no gradients, and {stage} makes some replies less likely, which no count can. "
            f"Put tilted right before it, which adds a correction that has, as post=[{before}tilted,{stage}]; or pick "
            "a family with gradients, as model=lstm"
        )
    return None


def counted_above(model: ModelConfig, adaptation: Adaptation) -> ModelConfig:
    """What a stage with weights of 0 or more makes of a model of these options."""
    return model if isinstance(model, NeuralModelConfig) else AdaptedConfig(model, adaptation)
