"""What a decoding strategy is: a chain of transforms, applied in the order in which the configuration names them, then
a chooser; and a search, which says what is done with the two: usually one sequence, a token at a time.

Transforms take normalised log-probabilities and give normalised log-probabilities: what they remove has -inf.
Randomness comes in as one uniform number a row, drawn from that row's own generator, so a sequence never depends on
its neighbours.

Shape legend: B rows, T tokens of a row so far, V vocabulary size.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import torch
from torch import Tensor

from harness.completion.sequence import Completion, Prompt
from harness.text.tokenizers.tokenizer import Tokenizer

if TYPE_CHECKING:
    from harness.completion.engine import Engine


@dataclass(frozen=True)
class Rows:
    """What transforms may know of the rows, besides their distributions."""

    tokens: Tensor
    """(B, T) int64: all that each row has read, the prompt first; past its length anything."""
    lengths: Tensor
    """(B,): tokens of each row."""
    prompt_lengths: Tensor
    """(B,): how many of them are the prompt's."""
    tokenizer: Tokenizer | None = None
    """For transforms that think in text."""

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
    """Whether it needs to know what was read; the engine keeps that only where somebody asks."""

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


class Search(ABC):
    """A frozen dataclass of settings: how whole sequences come about."""

    def with_fits(self, fit_of: Callable[[str], str]) -> Self:
        """The same, with each run that it names, if any, replaced by the id of that run's fit."""
        return self

    def draws(self, chooser: Chooser) -> bool:
        """Whether what it writes with this chooser depends on random numbers; one that draws by itself says so."""
        return chooser.draws

    @abstractmethod
    def complete(self, engine: Engine, prompts: Sequence[Prompt], on_done: Callable[[int], None]) -> list[Completion]:
        """A completion of each prompt, in order; `on_done(count)` hears of every few that are finished."""


@dataclass(frozen=True)
class OneByOne(Search):
    """One sequence, a token at a time: whatever the chooser picks stays."""

    def complete(self, engine: Engine, prompts: Sequence[Prompt], on_done: Callable[[int], None]) -> list[Completion]:
        from harness.completion.engine import write_one_by_one

        encoded = engine.encode(prompts)
        done: dict[int, Completion] = {}
        reader = engine.reader(encoded)
        for batch in reader.batches(engine.batch_size):
            writings = [engine.open(prompts[index], encoded[index]) for index in batch]
            for _ in write_one_by_one(engine, writings, [encoded[index] for index in batch], reader.read(batch)):
                pass
            done.update((index, writing.completion()) for index, writing in zip(batch, writings, strict=True))
            on_done(len(batch))
        return [done[index] for index in range(len(prompts))]


@dataclass(frozen=True)
class DecodingStrategy:
    """Transforms in order, a chooser, a search."""

    chooser: Chooser
    """How a token is picked from what the transforms leave."""
    transforms: Mapping[str, Transform] = field(default_factory=dict)
    """By name, applied in this order."""
    search: Search = field(default_factory=OneByOne)
    """What is done with the two."""
    at_context_limit: Literal["slide", "stop", "error"] = "slide"
    """When a model's window is full: it slides on (the oldest tokens are forgotten), the completion stops with the
    reason 'context', or what was asked is refused before it begins."""

    @property
    def draws(self) -> bool:
        """Whether two completions of one prompt may differ."""
        return self.search.draws(self.chooser)

    @property
    def looks_back(self) -> bool:
        return any(transform.looks_back for transform in self.transforms.values())


class Sampler:
    """A strategy's transforms and chooser at work on some rows, with what they remember of them."""

    def __init__(self, strategy: DecodingStrategy, num_rows: int) -> None:
        self.transforms = list(strategy.transforms.values())
        self.chooser = strategy.chooser
        self.memories = [transform.start(num_rows) for transform in self.transforms]
        self.given: list[Tensor] = []
        """(B, V) each: what each transform made of the last distribution."""

    def distribution(self, logprobs: Tensor, rows: Rows) -> Tensor:
        """(B, V) after every transform."""
        self.given = []
        for transform, memory in zip(self.transforms, self.memories, strict=True):
            logprobs = transform(logprobs, rows, memory)
            self.given.append(logprobs)
        return logprobs

    def choose(self, distribution: Tensor, uniforms: Tensor) -> Tensor:
        return self.chooser(distribution, uniforms)

    def remember(self, chosen: Tensor, rows: Rows) -> None:
        """The tokens `chosen` (B,) were picked from the last distribution."""
        self.memories = [
            None if memory is None else transform.remember(memory, chosen, given, rows)
            for transform, memory, given in zip(self.transforms, self.memories, self.given, strict=True)
        ]

    def select(self, rows: Tensor | Sequence[int]) -> None:
        """Go on with these rows, in this order; a row may be named never, once or many times."""
        index = torch.as_tensor(rows, dtype=torch.int64)
        self.memories = [None if memory is None else memory[index] for memory in self.memories]
        self.given = [given[index.to(given.device)] for given in self.given]
