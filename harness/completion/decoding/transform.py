"""How one token is picked from a distribution: a chain of transforms, applied in the order in which the configuration
names them, then a chooser.

Transforms take normalised log-probabilities and give normalised log-probabilities: what they remove has -inf.
Randomness comes in as one uniform number a row, drawn from that row's own generator, so a sequence never depends on
its neighbours.

Shape legend: B rows, T tokens of a row so far, V vocabulary size.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from harness.text.tokenizers.tokenizer import Tokenizer


@dataclass(frozen=True)
class Rows:
    """What transforms may know of the rows, besides their distributions."""

    tokens: Tensor
    """(B, T) int64: all that each row has read, the prompt first; anything past its length."""
    lengths: Tensor
    """(B,): tokens of each row."""
    prompt_lengths: Tensor
    """(B,): how many of them are the prompt's."""
    tokenizer: Tokenizer | None = None
    """For transforms that need the text of tokens."""

    @property
    def is_read(self) -> Tensor:
        """(B, T): which places hold a token of the row."""
        return torch.arange(self.tokens.shape[1]) < self.lengths[:, None]

    @property
    def is_written(self) -> Tensor:
        """(B, T): which places hold a token that was written after the prompt."""
        return self.is_read & (torch.arange(self.tokens.shape[1]) >= self.prompt_lengths[:, None])


class Transform(ABC):
    """A frozen dataclass of settings that reshapes a distribution."""

    looks_back: ClassVar[bool] = False
    """Whether it needs to know what was read; the engine keeps that only where it is needed."""

    @abstractmethod
    def __call__(self, logprobs: Tensor, rows: Rows, memory: Tensor | None) -> Tensor:
        """logprobs: (B, V) float32, normalised; memory: (B,), what `start` and `remember` gave. Returns the same shape
        as `logprobs`, normalised.
        """

    def start(self, num_rows: int) -> Tensor | None:
        """What it remembers of each row at its beginning, one number each (B,); None where it remembers nothing."""
        return None

    def remember(self, memory: Tensor, chosen: Tensor, logprobs: Tensor, rows: Rows) -> Tensor:
        """What it remembers (B,) once the tokens `chosen` (B,) were picked from what it gave, `logprobs` (B, V)."""
        return memory


class Chooser(ABC):
    """A frozen dataclass of settings that picks a token from a distribution."""

    @property
    def draws(self) -> bool:
        """Whether what it picks depends on the uniform numbers."""
        return True

    @abstractmethod
    def __call__(self, logprobs: Tensor, uniforms: Tensor) -> Tensor:
        """logprobs: (B, V) float32, normalised; uniforms: (B,) float64 in [0, 1). Returns (B,) int64."""

    @abstractmethod
    def odds(self, logprobs: Tensor) -> Tensor:
        """(B, V): with what probability it picks each token."""


class Sampler:
    """Transforms, in order, and a chooser at work on some rows, with what they remember of them."""

    def __init__(self, transforms: Sequence[Transform], chooser: Chooser, num_rows: int) -> None:
        self.transforms, self.chooser = transforms, chooser
        self.memories = [transform.start(num_rows) for transform in self.transforms]
        self.stages: list[Tensor] = []
        """(B, V) each: what each transform made of the last distribution."""

    def distribution(self, logprobs: Tensor, rows: Rows) -> Tensor:
        """(B, V) after every transform."""
        self.stages = []
        for transform, memory in zip(self.transforms, self.memories, strict=True):
            logprobs = transform(logprobs, rows, memory)
            self.stages.append(logprobs)
        return logprobs

    def choose(self, distribution: Tensor, uniforms: Tensor) -> Tensor:
        return self.chooser(distribution, uniforms)

    def remember(self, chosen: Tensor, rows: Rows) -> None:
        """The tokens `chosen` (B,) were picked from the last distribution."""
        self.memories = [
            None if memory is None else transform.remember(memory, chosen, stage, rows)
            for transform, memory, stage in zip(self.transforms, self.memories, self.stages, strict=True)
        ]

    def select(self, rows: Tensor | Sequence[int]) -> None:
        """Keep these rows, in this order; a row may be named never, once or many times."""
        index = torch.as_tensor(rows, dtype=torch.int64)
        self.memories = [None if memory is None else memory[index] for memory in self.memories]
        self.stages = [stage[index.to(stage.device)] for stage in self.stages]
