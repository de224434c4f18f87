"""A mixture of token frequencies and the uniform distribution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from models.language_model import LanguageModel, ModelConfig, OnStep, ignore
from models.memoryless import MemorylessModel


@dataclass(frozen=True)
class WaryConfig(ModelConfig):
    """Options of the wary family."""

    family: ClassVar[str] = "wary"

    belief: float = 0.5
    """Share of the frequencies. 0 up to, not including, 1."""

    def __post_init__(self) -> None:
        if not 0 <= self.belief < 1:
            raise ValueError(f"belief={self.belief} is not allowed: it must be from 0 up to 1")

    def build(self, vocab_size: int, start_token: int) -> LanguageModel:
        return Wary(self, vocab_size, start_token)


class Wary(MemorylessModel):
    """p(w) = belief x frequency(w) + (1 - belief) / V."""

    config: WaryConfig

    def __init__(self, config: WaryConfig, vocab_size: int, start_token: int) -> None:
        super().__init__(config, vocab_size, start_token)
        self._counts = torch.zeros(vocab_size, dtype=torch.int64)

    def count(self, tokens: Tensor) -> None:
        self._counts += torch.bincount(tokens, minlength=self.vocab_size)

    def finish(self, held_out: Sequence[Tensor] = (), num_params: int | None = None, on_step: OnStep = ignore) -> None:
        frequency = self._counts.double() / self._counts.sum().clamp(min=1)
        belief = self.config.belief if self._counts.any() else 0.0
        self.token_logprob = (belief * frequency + (1 - belief) / self.vocab_size).log().float()

    def tensors(self) -> dict[str, Tensor]:
        return {"counts": self._counts}

    def load_tensors(self, tensors: dict[str, Tensor]) -> None:
        self._counts = tensors["counts"]
        self.finish()
