"""The family that knows nothing: all tokens are equally likely. The baseline of every comparison."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from models.language_model import OnStep, ignore
from models.memoryless import MemorylessModel
from models.settings.uniform import UniformConfig


class Uniform(MemorylessModel):
    """log 1/V for every token; nothing is learnt, so counting changes nothing."""

    learns = False

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
