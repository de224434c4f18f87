"""Options of training by gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.common.options import check_least, check_option
from harness.training.schedule import Shape


@dataclass(frozen=True)
class Training:
    """Options of training by gradients. Families that count use only `validation_bytes`."""

    batch_tokens: int = 1024
    """Tokens of a training step; each family reads them as rows of its own `training_length`, side by side."""
    warmup_fraction: float = 0.05
    """Share of the budget over which the learning rate rises from 0 to its peak."""
    schedule: Shape = "linear"
    """How it falls from there: linear, cosine, constant (it doesn't), or warmup_stable_decay (only at the end)."""
    decay_fraction: float = 0.2
    """schedule=warmup_stable_decay: share of the budget at the end over which the learning rate falls; above 0."""
    final_learning_rate_fraction: float = 0.02
    """The learning rate at the end, as a share of its peak."""
    weight_decay: float = 0.01
    """Weight decay of the parameters that the family names, mostly its matrices; decoupled in adamw and muon."""
    beta1: float = 0.9
    """Adam's memory of the gradient."""
    beta2: float = 0.99
    """Adam's memory of the squared gradient."""
    momentum: float = 0.95
    """The memory of the gradient in muon and sgd, in Nesterov's form."""
    max_grad_norm: float = 1.0
    """Gradients with a greater norm are scaled down to it (Pascanu, Mikolov & Bengio 2013)."""
    max_tokens_at_once: int | None = None
    """A step's gradient is accumulated over parts of at most this many tokens, to save memory; None: all at once."""
    averaging_fraction: float = 0.0
    """The weights that are validated and kept are an average over about this share of the budget; 0: the last ones."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Number format of matrix products in training steps; weights, sums and validation stay in float32."""
    compile: bool = False
    """Whether steps run through torch.compile, which needs a C++ compiler; the time it takes is counted apart."""
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
        check_least(self, batch_tokens=1, num_validations=1, num_curve_rows=1, validation_bytes=1, weight_decay=0)
        if self.max_tokens_at_once is not None:
            check_least(self, max_tokens_at_once=1)
        fractions = ("warmup_fraction", "final_learning_rate_fraction", "beta1", "beta2", "momentum")
        for name in (*fractions, "carry_reset_fraction", "averaging_fraction"):
            check_option(self, name, 0 <= getattr(self, name) < 1, "from 0 up to, but not including, 1")
        check_option(
            self,
            "decay_fraction",
            0 < self.decay_fraction <= 1 - self.warmup_fraction,
            f"above 0, and with warmup_fraction={self.warmup_fraction} at most 1",
        )
        for name in ("max_grad_norm", "checkpoint_seconds"):
            check_option(self, name, getattr(self, name) > 0, "above 0")
