"""Options of training by gradients."""

from __future__ import annotations

from dataclasses import dataclass

from harness.common.options import check_least


@dataclass(frozen=True)
class Training:
    """Options of training by gradients. Families that count use only `validation_bytes`."""

    batch_tokens: int = 1024
    """Tokens of a training step; each family reads them as rows of its own `training_length`, side by side."""
    warmup_fraction: float = 0.05
    """Share of the budget over which the learning rate rises from 0 to its peak; then it falls in a straight line."""
    final_learning_rate_fraction: float = 0.02
    """The learning rate at the end, as a share of its peak."""
    weight_decay: float = 0.01
    """Decoupled weight decay (AdamW, Loshchilov & Hutter 2019) of the parameters that the family names; mostly its
    matrices."""
    beta1: float = 0.9
    """Adam's memory of the gradient."""
    beta2: float = 0.99
    """Adam's memory of the squared gradient."""
    max_grad_norm: float = 1.0
    """Gradients with a greater norm are scaled down to it (Pascanu, Mikolov & Bengio 2013)."""
    carry_reset_fraction: float = 0.01
    """Share of the steps at which a row's carried state is blanked, so that document beginnings stay learnt."""
    num_validations: int = 10
    """How often validation text is scored along the budget; the best of them gives the weights."""
    num_curve_rows: int = 100
    """Rows of curve.parquet along the budget."""
    validation_bytes: int = 30_000
    """Score validation documents up to about this many bytes each time."""
    checkpoint_seconds: float = 10.0
    """A checkpoint for resuming is written when this many seconds have passed since the last."""
    continue_from: str | None = None
    """A run whose fit this one continues, with its tokenizer: more text is counted, or its weights are trained on.
    None: from nothing."""

    def __post_init__(self) -> None:
        check_least(self, batch_tokens=1, num_validations=1, num_curve_rows=1, validation_bytes=1)
        for name in ("warmup_fraction", "final_learning_rate_fraction", "beta1", "beta2", "carry_reset_fraction"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(
                    f"{name}={getattr(self, name)} is not allowed: it must be from 0 up to, but not including, 1"
                )
        if self.weight_decay < 0 or self.max_grad_norm <= 0 or self.checkpoint_seconds <= 0:
            raise ValueError("weight_decay must be 0 or more, max_grad_norm and checkpoint_seconds above 0")
