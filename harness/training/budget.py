"""What a family may spend on its fit, and the width that spends a parameter budget.

'Matched' is always matched in something: training tokens, FLOPs, seconds, or parameters. The fit ends at whichever
limit comes first; what was really spent is in the record.
"""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass

import torch

from harness.common import environment
from harness.common.errors import UserError
from harness.training.settings import Training
from models.combined import CombinedConfig
from models.language_model import ModelConfig, NeuralModel, NeuralModelConfig

TRAIN_FLOPS_PER_FORWARD_FLOP = 3
"""A backward pass costs about twice its forward pass (Kaplan et al. 2020, section 2.1)."""


@dataclass(frozen=True)
class Budget:
    """Limits on a fit; None: no limit of that kind."""

    tokens: int | None = None
    """Training tokens to predict (gradients: repeats count again) or to count (counting never counts a token twice)."""
    seconds: float | None = None
    """Seconds of training, validation not included."""
    flops: float | None = None
    """Floating-point operations of training; counting spends none."""
    num_params: int | None = None
    """Parameters that the model should have: a width is solved for it, n-grams are pruned to it."""

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            if value is not None and not value > 0:
                raise ValueError(f"budget.{name}={value} is not allowed: it must be above 0, or null for no limit")
        if self.tokens is None and self.seconds is None and self.flops is None:
            raise ValueError("no budget: set at least one of budget.tokens, budget.seconds and budget.flops")

    def fraction_spent(self, tokens: int, seconds: float, flops: float) -> float:
        """How far along the limit that is nearest is: 1 or more when the budget is used up."""
        spent = ((tokens, self.tokens), (seconds, self.seconds), (flops, self.flops))
        return max(used / limit for used, limit in spent if limit is not None)


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


def missed_by(config: ModelConfig, asked: int | None, got: int) -> float | None:
    """(got - asked) / asked parameters; None where no number was asked for, or the family can't heed it."""
    return None if asked is None or not config.uses_num_params else got / asked - 1


def solve_width(config: ModelConfig, num_params: int | None, vocab_size: int) -> ModelConfig:
    """The configuration whose width comes closest to `num_params` parameters.

    Raises UserError where even the smallest width has more. Families without a width come back as they are.
    """
    field = config.width_field
    if num_params is None or field is None:
        return config
    step = config.width_multiple

    @functools.cache
    def size(multiple: int) -> int:
        return count_params(dataclasses.replace(config, **{field: multiple * step}), vocab_size)

    if size(1) > num_params:
        raise UserError(
            f"budget.num_params={num_params:,} is too small for model={config.family}: with the smallest width "
            f"({field}={step}) and a vocabulary of {vocab_size:,} it has {size(1):,} parameters. "
            f"Allow at least that many, or pick a smaller vocabulary or fewer layers."
        )
    high = 2
    while size(high) < num_params:
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if size(middle) <= num_params else (low, middle)
    best = min((low, high), key=lambda multiple: abs(size(multiple) - num_params))
    return dataclasses.replace(config, **{field: best * step})


def count_params(config: ModelConfig, vocab_size: int) -> int:
    """Parameters of an untrained neural model, without allocating them."""
    with torch.device("meta"):
        model = config.build(vocab_size, start_token=0)
    assert isinstance(model, NeuralModel), "only neural families have a width"
    return model.num_params()
