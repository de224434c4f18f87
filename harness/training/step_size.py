"""Checks that a model and a training step fit into the budget and the memory, before anything is allocated."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from harness.common import environment
from harness.common.errors import UserError
from harness.common.lazy import LazyModule
from harness.training.budget import Budget, unbuilt
from harness.training.settings import Training
from models.language_model import ModelConfig, NeuralModelConfig
from models.settings.combined import CombinedConfig

if TYPE_CHECKING:
    import torch

    from models.neural_model import NeuralModel
else:
    torch = LazyModule("torch")

_TRAINED_BYTES = 2 * 4
"""Of a parameter and its gradient, float32."""
_TOO_MANY_BYTES = 2**63
"""torch can't even describe a tensor of so many."""


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


def check_size(config: ModelConfig, num_params: int | None, vocab_size: int, device: torch.device) -> None:
    """UserError where the parameters of a model that learns by gradients, and their gradients, are more than the
    device's memory. num_params: the budget's, for which a width is solved."""
    memory = memory_of(device)
    if memory is None or not isinstance(config, NeuralModelConfig) or config.is_fitted:
        return
    if num_params is not None and config.width_field is not None:
        needed, what = _TRAINED_BYTES * num_params, f"budget.num_params={num_params:,} for model={config.family}"
    else:
        needed, what = _bytes_of(config, vocab_size), f"model={config.family}, as it is set,"
    if needed > memory:
        least = min(needed, _TOO_MANY_BYTES) / 2**30
        raise UserError(
            f"{what} needs at least {least:,.1f} GiB for the model's parameters and their gradients, but {device} has "
            f"{memory / 2**30:,.1f} GiB. {_smaller(config, num_params, vocab_size)}"
        )


def _smaller(config: ModelConfig, num_params: int | None, vocab_size: int) -> str:
    """What to lower, with the names of options."""
    if num_params is not None and config.width_field is not None:
        return "Lower budget.num_params."
    names = [name for name in (config.width_field, "num_layers") if name is not None and hasattr(config, name)]
    sizes = " or ".join(f"model.{name} (now {getattr(config, name):,})" for name in names)
    return f"Lower {sizes or 'the size of the model'}, or pick a smaller vocabulary (now {vocab_size:,})."


def _bytes_of(config: ModelConfig, vocab_size: int) -> int:
    """What a model's parameters, their gradients and its tables take; 0 where that can't be told before it is built."""
    try:
        model = unbuilt(config, vocab_size)
    except Exception as error:  # a plugin's model may need real numbers; what is wrong with it is told when it is built
        return _TOO_MANY_BYTES if isinstance(error, RuntimeError) and "overflow" in str(error) else 0
    return _TRAINED_BYTES * model.num_params() + sum(table.nbytes for table in model.buffers())


def check_memory(model: NeuralModel, training: Training, num_processes: int = 1) -> None:
    """UserError where the scores alone of what a step reads at once, a number for each token and entry of the
    vocabulary, and their gradient are more than the memory of the model's device.

    num_processes: that share the step, each with a graphics card of its own, or all with one processor.
    """
    tokens = training.batch_tokens
    if model.device.type == "cuda":
        tokens = math.ceil(tokens / num_processes)
    if training.max_tokens_at_once is not None:
        tokens = min(tokens, training.max_tokens_at_once)
    rows = max(1, tokens // model.training_length)
    needed = 2 * torch.float32.itemsize * rows * model.training_length * model.vocab_size
    memory = memory_of(model.device)
    if memory is not None and needed > memory:
        raise UserError(
            f"training.batch_tokens={training.batch_tokens:,} needs at least {needed / 2**30:,.1f} GiB a step for "
            f"model={model.config.family} with a vocabulary of {model.vocab_size:,}, but {model.device} has "
            f"{memory / 2**30:,.1f} GiB. Lower training.batch_tokens, or training.max_tokens_at_once, which changes no "
            "result, or pick a smaller vocabulary."
        )


def check_rows(model: NeuralModel, training: Training, num_processes: int) -> None:
    """UserError where the processes that share a fit are more than the rows of a step, so that some would have none."""
    rows = max(1, training.batch_tokens // model.training_length)
    if num_processes > rows:
        raise UserError(
            f"training.batch_tokens={training.batch_tokens:,} gives a step of model={model.config.family} {rows:,} "
            f"row{'s' if rows > 1 else ''} of {model.training_length:,} tokens, but {num_processes:,} processes share "
            f"it. Start at most {rows:,} processes, or set training.batch_tokens to "
            f"{num_processes * model.training_length:,} or more."
        )


def memory_of(device: torch.device) -> int | None:
    """A device's memory in bytes; None where that isn't known."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    return environment.memory_bytes() if device.type in ("cpu", "mps") else None


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out: Python's, or torch's on a graphics card or on the processor."""
    says_so = any(words in str(error) for words in ("DefaultCPUAllocator: can't allocate", "std::bad_alloc"))
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (isinstance(error, RuntimeError) and says_so)
