"""Checks that a training step fits into the budget and the memory, before anything is allocated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.common import environment
from harness.common.errors import UserError
from harness.common.lazy import LazyModule
from harness.training.budget import Budget
from harness.training.settings import Training
from models.language_model import ModelConfig, NeuralModelConfig
from models.settings.combined import CombinedConfig

if TYPE_CHECKING:
    import torch

    from models.neural_model import NeuralModel
else:
    torch = LazyModule("torch")


def check_step(config: ModelConfig, training: Training, budget: Budget) -> None:
    """UserError where a model that learns by gradients would read more in one step than the budget has tokens."""
    if isinstance(config, CombinedConfig):
        for member in config.members.values():
            check_step(member, training, budget)
    learns_by_gradients = isinstance(config, NeuralModelConfig) and not config.is_fitted
    if learns_by_gradients and budget.tokens is not None and training.batch_tokens > budget.tokens:
        raise UserError(
            f"training.batch_tokens={training.batch_tokens:,} is more than budget.tokens={budget.tokens:,}, so "
            f"model={config.family} could not take one whole step. Lower training.batch_tokens to {budget.tokens:,} or "
            "less (a tenth or less of the budget, to learn anything), or raise the budget."
        )


def check_memory(model: NeuralModel, training: Training) -> None:
    """UserError where one step's scores alone, a number for each token and entry of the vocabulary, and their gradient
    are more than the memory of the model's device."""
    rows = max(1, training.batch_tokens // model.training_length)
    needed = 2 * torch.float32.itemsize * rows * model.training_length * model.vocab_size
    memory = memory_of(model.device)
    if memory is not None and needed > memory:
        raise UserError(
            f"training.batch_tokens={training.batch_tokens:,} needs at least {needed / 2**30:,.1f} GiB a step for "
            f"model={model.config.family} with a vocabulary of {model.vocab_size:,}, but {model.device} has "
            f"{memory / 2**30:,.1f} GiB. Lower training.batch_tokens, or pick a smaller vocabulary."
        )


def memory_of(device: torch.device) -> int | None:
    """A device's memory in bytes; None where that isn't known."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    return environment.memory_bytes() if device.type in ("cpu", "mps") else None
