"""How one token is picked from a distribution: transforms, applied in the order of the configuration, then a chooser.

Transforms take normalised log-probabilities and return normalised log-probabilities; tokens that they remove have -inf.
The only randomness is one uniform number for each row, drawn from the row's own generator, so a sequence never depends
on its neighbours.

Shape legend: B rows, T tokens of a row so far, V vocabulary size.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from harness.common.errors import UserError
from harness.common.lazy import LazyModule
from harness.text.tokenizers.tokenizer import Tokenizer

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = LazyModule("torch")


@dataclass(frozen=True)
class Rows:
    """What transforms may use besides the rows' distributions."""

    tokens: Tensor
    """(B, T) int64: the tokens that each row has read, the prompt first; values past its length mean nothing."""
    lengths: Tensor
    """(B,): tokens of each row."""
    prompt_lengths: Tensor
    """(B,): tokens of each row's prompt."""
    tokenizer: Tokenizer | None = None
    """For transforms that need the text of tokens."""

    @property
    def is_read(self) -> Tensor:
        """(B, T): which positions hold a token of the row."""
        return torch.arange(self.tokens.shape[1]) < self.lengths[:, None]

    @property
    def is_written(self) -> Tensor:
        """(B, T): which positions hold a token written after the prompt."""
        return self.is_read & (torch.arange(self.tokens.shape[1]) >= self.prompt_lengths[:, None])

    def seen_by(self, transform: Transform) -> Rows:
        """These rows as a transform may use them: one that doesn't look back gets UserError for their tokens."""
        if transform.looks_back:
            return self
        name = type(transform).__name__
        return _WithoutTokens(self.tokens, self.lengths, self.prompt_lengths, self.tokenizer, name)


@dataclass(frozen=True, repr=False, eq=False)
class _WithoutTokens(Rows):
    """For a transform that doesn't look back: the engine may not have kept what these rows have read."""

    transform: str = ""

    def __getattribute__(self, name: str) -> object:
        if name in ("tokens", "lengths"):
            raise UserError(
                f"decoding: the transform {self.transform} uses the tokens read so far (rows.{name}), which are kept "
                "only for transforms that say so. Write looks_back = True in its class."
            )
        return super().__getattribute__(name)


class Transform(ABC):
    """Changes a distribution: a frozen dataclass of settings."""

    looks_back: ClassVar[bool] = False
    """Whether it needs the tokens read so far; the engine keeps them only where one does, and others can't use them."""

    @abstractmethod
    def __call__(self, logprobs: Tensor, rows: Rows, memory: Tensor | None) -> Tensor:
        """logprobs: (B, V) float32, normalised; memory: (B,), from `start` and `remember`. Returns the same shape as
        `logprobs`, normalised.
        """

    def start(self, num_rows: int) -> Tensor | None:
        """The memory of new rows, one number for each (B,); None for a transform without memory."""
        return None

    def remember(self, memory: Tensor, chosen: Tensor, logprobs: Tensor, rows: Rows) -> Tensor:
        """The memory (B,) after the tokens `chosen` (B,) were picked from `logprobs` (B, V), which it returned."""
        return memory


class Chooser(ABC):
    """Picks a token from a distribution: a frozen dataclass of settings."""

    @property
    def draws(self) -> bool:
        """Whether its choice depends on the uniform numbers."""
        return True

    @abstractmethod
    def __call__(self, logprobs: Tensor, uniforms: Tensor) -> Tensor:
        """logprobs: (B, V) float32, normalised; uniforms: (B,) float64 in [0, 1). Returns (B,) int64."""

    @abstractmethod
    def odds(self, logprobs: Tensor) -> Tensor:
        """(B, V): the probability that it picks each token."""


def _some_token_is_left(logprobs: Tensor) -> bool:
    """Whether every row (B, V) has a token with a probability, and none is NaN."""
    return bool((logprobs.max(dim=-1).values > -torch.inf).all())


class Sampler:
    """Transforms, in order, and a chooser, with the transforms' memory of some rows."""

    def __init__(self, transforms: Sequence[Transform], chooser: Chooser, num_rows: int) -> None:
        self.transforms, self.chooser = transforms, chooser
        self.memories = [transform.start(num_rows) for transform in self.transforms]
        self.stages: list[Tensor] = []
        """(B, V) each: the last distribution after each transform."""

    def distribution(self, logprobs: Tensor, rows: Rows) -> Tensor:
        """(B, V) after every transform. UserError where one of them gives no distribution."""
        self.stages = []
        for transform, memory in zip(self.transforms, self.memories, strict=True):
            changed = transform(logprobs, rows.seen_by(transform), memory)
            if changed.shape != logprobs.shape:
                raise UserError(
                    f"decoding: the transform {type(transform).__name__} gave the shape {tuple(changed.shape)} for "
                    f"{tuple(logprobs.shape)}. It must keep every token: those that it removes have -inf."
                )
            logprobs = changed
            self.stages.append(logprobs)
        if self.stages and not _some_token_is_left(logprobs):
            culprit = next(
                transform
                for transform, stage in zip(self.transforms, self.stages, strict=True)
                if not _some_token_is_left(stage)
            )
            raise UserError(
                f"decoding: the transform {type(culprit).__name__} left a row without any token that has a "
                "probability (-inf or NaN for all). It must leave at least one."
            )
        return logprobs

    def choose(self, distribution: Tensor, uniforms: Tensor) -> Tensor:
        """(B,): the tokens picked, on the distribution's device."""
        picked = self.chooser(distribution, uniforms).to(distribution.device)
        if picked.shape != uniforms.shape or not bool(((picked >= 0) & (picked < distribution.shape[1])).all()):
            raise UserError(
                f"decoding: the chooser {type(self.chooser).__name__} picked {picked.tolist()} for {len(uniforms)} "
                f"rows of {distribution.shape[1]} tokens. It must give the id of one token for each row."
            )
        return picked

    def remember(self, chosen: Tensor, rows: Rows) -> None:
        """The tokens `chosen` (B,) were picked from the last distribution."""
        self.memories = [
            None if memory is None else transform.remember(memory, chosen, stage, rows.seen_by(transform))
            for transform, memory, stage in zip(self.transforms, self.memories, self.stages, strict=True)
        ]

    def select(self, rows: Tensor | Sequence[int]) -> None:
        """Keep these rows, in this order; a row may be left out or repeated."""
        index = torch.as_tensor(rows, dtype=torch.int64)
        self.memories = [None if memory is None else memory[index] for memory in self.memories]
        self.stages = [stage[index.to(stage.device)] for stage in self.stages]
