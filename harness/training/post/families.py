"""Which families a stage can change, as sentences for the user. Needs no torch."""

from __future__ import annotations

from models.language_model import ModelConfig, NeuralModelConfig
from models.settings.combined import CombinedConfig


def why_not_weighted(model: ModelConfig) -> str | None:
    """Why a stage with weights of 0 or more, as sft, can't change a family; None where it can."""
    if isinstance(model, CombinedConfig):
        return (
            f"model={model.family} combines fits of its members, which a stage would have to change together. "
            "Post-train a single family, as model=lstm"
        )
    if model.is_fitted:
        return f"model={model.family} comes with its weights and isn't trained here. Pick another family, as model=lstm"
    return None


def why_not_gradients(model: ModelConfig, stage: str) -> str | None:
    """Why a stage whose weights may be below 0, as rloo, can't change a family; None where it can."""
    if (why := why_not_weighted(model)) is not None:
        return why
    if not isinstance(model, NeuralModelConfig):
        return (
            f"model={model.family} learns by counting, and {stage} makes some replies less likely, which no count can. "
            "Pick a family with gradients, as model=lstm"
        )
    return None
