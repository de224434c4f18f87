"""What a family may spend on its fit, and the width that spends a parameter budget.

'Matched' is always matched in something: training tokens, FLOPs, seconds, or parameters. The fit ends at whichever
limit comes first; what was really spent is in the record. torch is imported only where parameters are counted, so that
a wrong budget is refused at once.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.common.errors import UserError
from harness.training.spent import Spent

if TYPE_CHECKING:
    from harness.text.tokenizers.tokenizer import TokenizerSettings
    from models.language_model import ModelConfig
    from models.neural_model import NeuralModel


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

    def fraction_spent(self, spent: Spent) -> float:
        """The share of the budget that is used, by the limit that comes first: 1 or more when it is used up."""
        pairs = ((spent.tokens, self.tokens), (spent.seconds, self.seconds), (spent.flops, self.flops))
        return max(used / limit for used, limit in pairs if limit is not None)


def check_num_params(config: ModelConfig, budget: Budget, tokenizer: TokenizerSettings) -> None:
    """UserError where a model would need more parameters for its tokens alone, whatever the text."""
    least = tokenizer.least_vocab_size
    if budget.num_params is not None and config.uses_num_params and budget.num_params < least:
        raise UserError(
            f"budget.num_params={budget.num_params:,} is too small for model={config.family}: the tokenizer has at "
            f"least {least:,} tokens, and each needs a parameter or more. Allow at least that many, or pick another "
            "tokenizer."
        )


def missed_by(config: ModelConfig, budget: Budget, spent: Mapping[str, float], num_params: int) -> dict[str, Any]:
    """By what share of a limit a fit spent more, or (below 0) less: tokens_missed_by, seconds_missed_by,
    flops_missed_by, num_params_missed_by.

    None where there is no limit of that kind, or the family has no adjustable size. spent: tokens, seconds and FLOPs.
    """
    got = {**spent, "num_params": num_params if config.uses_num_params else None}
    limits = dataclasses.asdict(budget)
    return {
        f"{name}_missed_by": None if limit is None or (value := got[name]) is None else value / limit - 1
        for name, limit in limits.items()
    }


def solve_width(config: ModelConfig, num_params: int | None, vocab_size: int) -> ModelConfig:
    """The configuration whose width comes closest to `num_params` parameters.

    Raises UserError where even the smallest width has more, or where the width hardly changes the size. Families
    without a width come back as they are.
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
        if high * step > num_params:  # a width that is used costs at least a parameter for each of its values
            raise UserError(
                f"budget.num_params={num_params:,} can't be met by model={config.family}: with {field}={step} it has "
                f"{size(1):,} parameters, and with {field}={high * step} {size(high):,}. Its width hardly changes its "
                f"size. Have build() use {field}, name another option as width_field, or set budget.num_params=null."
            )
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if size(middle) <= num_params else (low, middle)
    best = min((low, high), key=lambda multiple: abs(size(multiple) - num_params))
    return dataclasses.replace(config, **{field: best * step})


def count_params(config: ModelConfig, vocab_size: int) -> int:
    """Parameters of an untrained neural model, without allocating them."""
    return unbuilt(config, vocab_size).num_params()


def unbuilt(config: ModelConfig, vocab_size: int) -> NeuralModel:
    """An untrained neural model whose tensors have their shapes, but no memory."""
    import torch

    from models.neural_model import NeuralModel

    with torch.device("meta"):
        model = config.build(vocab_size, start_token=0)
    assert isinstance(model, NeuralModel), "only neural families have a width"
    return model
