"""What a fit has spent, how it is validated, and the rows of its curve."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from harness.scoring.answers import BITS_PER_NAT
from harness.scoring.likelihood import document_logprobs, likelihood, nats
from models.language_model import LanguageModel


@dataclass
class Spent:
    """What a fit has cost so far."""

    tokens: int = 0
    seconds: float = 0.0
    flops: float = 0.0
    steps: int = 0

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            self.tokens + other.tokens,
            self.seconds + other.seconds,
            self.flops + other.flops,
            self.steps + other.steps,
        )


@dataclass(frozen=True)
class Validation:
    """The text that checkpoints are chosen by, as tokens."""

    documents: Sequence[np.ndarray]
    num_bytes: int

    def as_tensors(self) -> list[Tensor]:
        return [torch.from_numpy(document) for document in self.documents]

    def bits_per_byte(self, model: LanguageModel) -> float:
        """NaN where the model's scores aren't probabilities, or one of them is zero."""
        total = sum(nats(logprobs) for logprobs in document_logprobs(model, self.documents))
        total_nats = likelihood(model, total, 0).nats
        return math.nan if total_nats is None else total_nats * BITS_PER_NAT / self.num_bytes


def curve_row(spent: Spent, **measured: float) -> dict[str, Any]:
    missing = dict.fromkeys(("train_loss_nats", "validation_bits_per_byte", "learning_rate"), math.nan)
    tokens_per_second = spent.tokens / spent.seconds if spent.seconds else math.nan
    return {
        "step": spent.steps,
        "tokens": spent.tokens,
        "flops": spent.flops,
        "seconds": spent.seconds,
        **missing,
        "tokens_per_second": tokens_per_second,
        **measured,
    }
