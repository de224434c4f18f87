"""The family that knows nothing: all tokens are equally likely. The baseline of every comparison."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from models.language_model import ModelConfig, OnStep, ignore
from models.memoryless import MemorylessModel


@dataclass(frozen=True)
class UniformConfig(ModelConfig):
    """There is nothing to choose."""

    family: ClassVar[str] = "uniform"

    def build(self, vocab_size: int, start_token: int) -> Uniform:
        return Uniform(self, vocab_size, start_token)


class Uniform(MemorylessModel):
    """log 1/V for every token; nothing is learnt, so counting changes nothing."""

    def __init__(self, config: UniformConfig, vocab_size: int, start_token: int) -> None:
        super().__init__(config, vocab_size, start_token)
        self.token_logprob = torch.full((vocab_size,), -math.log(vocab_size))

    def count(self, tokens: Tensor) -> None:
        """There is nothing to learn from them."""

    def finish(self, held_out: Sequence[Tensor] = (), num_params: int | None = None, on_step: OnStep = ignore) -> None:
        """There is nothing to turn into probabilities."""

    def tensors(self) -> dict[str, Tensor]:
        return {}

    def load_tensors(self, tensors: dict[str, Tensor]) -> None:
        if tensors:
            raise ValueError(f"A uniform model has no weights, but these were given: {', '.join(sorted(tensors))}.")
