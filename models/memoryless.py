"""The common part of families without a memory: one distribution for every position in every text.

Shape legend: B rows, T tokens, V vocabulary size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from models.language_model import Cost, CountingModel, ModelConfig, State


@dataclass(frozen=True, eq=False)
class MemorylessState(State):
    """Only the distribution of the next token, which is always the same."""

    logprobs: Tensor

    def select(self, rows: Tensor | Sequence[int]) -> Self:
        return type(self)(self.logprobs[torch.as_tensor(rows, dtype=torch.int64)])


class MemorylessModel(CountingModel):
    """A model whose next token doesn't depend on the text. A subclass sets `token_logprob` when it is fitted."""

    token_logprob: Tensor | None
    """(V,) float32: the log-probability of each token; None until fitted."""

    def __init__(self, config: ModelConfig, vocab_size: int, start_token: int) -> None:
        self.config = config
        self.vocab_size = vocab_size
        self.start_token = start_token
        self.token_logprob = None

    @property
    def context_length(self) -> int:
        return 0

    def _distribution(self) -> Tensor:
        if self.token_logprob is None:
            raise RuntimeError(
                f"This {self.config.family} model has counted nothing: call count, then finish, or load."
            )
        return self.token_logprob

    def start(self, num_rows: int = 1) -> MemorylessState:
        return MemorylessState(self._distribution().repeat(num_rows, 1))

    def read(self, state: State, tokens: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        return self._distribution().repeat(*tokens.shape, 1), state

    def token_logprobs(self, tokens: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self._distribution()[tokens]

    def cost(self) -> Cost:
        tensors = self.tensors().values()
        return Cost(
            num_params=sum(tensor.numel() for tensor in tensors),
            model_bytes=sum(tensor.nbytes for tensor in tensors),
            flops_per_token=0,
            state_bytes_at_context=4 * self.vocab_size,
        )
