"""The completion engine: picks tokens from a language model until a stop text or a length.

An `Engine` is a model with a `DecodingStrategy`. The strategy's `Search` says how whole sequences are written: usually
one sequence, a token at a time (`OneByOne`).

The engine works for every family through the model contract alone. Prompts are read together, and shared prefixes are
read once; sequences that end leave the batch. Each sequence draws from its own seed, so its text depends neither on
its neighbours nor on the batch size.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, Self, TypeAlias

import numpy as np

from harness.common.errors import UserError
from harness.common.lazy import LazyModule
from harness.completion.decoding.transform import Chooser, Rows, Sampler, Transform
from harness.completion.reward import FinishedFit
from harness.completion.sequence import Completion, Prompt, Writing
from harness.scoring.prompt_reader import DEFAULT_BATCH_SIZE, PromptReader, pad
from harness.text.tokenizers.tokenizer import Tokenizer

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from models.language_model import LanguageModel, State
else:
    torch = LazyModule("torch")

FindModel: TypeAlias = "Callable[[str], tuple[LanguageModel, Tokenizer]]"
"""Finds the model of another run, and its tokenizer, by name."""


def no_other_models(name: str) -> tuple[LanguageModel, Tokenizer]:
    """A `FindModel` that finds none."""
    raise UserError(f"there is no other model {name!r} here. Use a strategy that needs none.")


class Search(ABC):
    """How whole sequences are written: a frozen dataclass of settings."""

    def with_fits(self, fit_id_of: Callable[[str], str]) -> Self:
        """The same search, with each run that it names replaced by the id of that run's fit."""
        return self

    def of_fit(self, fit: FinishedFit) -> Self:
        """The same search, with what the stages of a fit made for it."""
        return self

    def draws(self, chooser: Chooser) -> bool:
        """Whether what it writes with this chooser is random. A search with draws of its own overrides this."""
        return chooser.draws

    def steps(self, engine: Engine, writing: Writing, tokens: np.ndarray) -> Iterator[Step]:
        """Write one sequence to its end and yield every step. tokens: those of the prompt.

        UserError for a search over whole sequences, which has no such steps.
        """
        raise UserError(
            f"a search ({type(self).__name__}) compares whole sequences, so its tokens can't be explained one by one. "
            "Explain a strategy without one, such as --decoding top_p."
        )

    def stream(self, engine: Engine, prompt: Prompt) -> Iterator[str | Completion]:
        """One completion as it is written: pieces of text that are final, then the whole Completion.

        Here the text comes in one piece, since none of it is final before the end.
        """
        [completion] = self.complete(engine, [prompt], lambda count: None)
        if completion.text:
            yield completion.text
        yield completion

    @abstractmethod
    def complete(self, engine: Engine, prompts: Sequence[Prompt], on_done: Callable[[int], None]) -> list[Completion]:
        """A completion of each prompt, in order; `on_done(count)` is called with the number just completed."""


@dataclass(frozen=True)
class OneByOne(Search):
    """One sequence, a token at a time; what the chooser picks is final."""

    def complete(self, engine: Engine, prompts: Sequence[Prompt], on_done: Callable[[int], None]) -> list[Completion]:
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

    def steps(self, engine: Engine, writing: Writing, tokens: np.ndarray) -> Iterator[Step]:
        return write_one_by_one(engine, [writing], [tokens], engine.reader([tokens]).read([0]))

    def stream(self, engine: Engine, prompt: Prompt) -> Iterator[str | Completion]:
        [tokens] = engine.encode([prompt])
        writing = engine.open(prompt, tokens)
        shown = 0
        for _ in self.steps(engine, writing, tokens):
            certain = writing.certain_length()
            if certain > shown:
                yield writing.text[shown:certain]
                shown = certain
        completion = writing.completion()
        if len(completion.text) > shown:
            yield completion.text[shown:]
        yield completion


@dataclass(frozen=True)
class DecodingStrategy:
    """Transforms in order, a chooser, a search."""

    chooser: Chooser
    """How a token is picked from the transformed distribution."""
    transforms: Mapping[str, Transform] = field(default_factory=dict)
    """By name, applied in this order."""
    search: Search = field(default_factory=OneByOne)
    """How whole sequences are written with them."""
    at_context_limit: Literal["slide", "stop", "error"] = "slide"
    """When the model's window is full: slide (the oldest tokens are forgotten), stop the completion with the reason
    'context', or refuse the request before it begins."""

    def of_fit(self, fit: FinishedFit) -> Self:
        """The same strategy for a fit, with what its stages made for it."""
        return replace(self, search=self.search.of_fit(fit))

    @property
    def draws(self) -> bool:
        """Whether two completions of one prompt may differ."""
        return self.search.draws(self.chooser)

    @property
    def looks_back(self) -> bool:
        """Whether some transform needs the tokens read so far."""
        return any(transform.looks_back for transform in self.transforms.values())

    def sampler(self, num_rows: int) -> Sampler:
        """The transforms and the chooser for a number of new rows."""
        return Sampler(list(self.transforms.values()), self.chooser, num_rows)


@dataclass(frozen=True)
class Engine:
    """A model with a decoding strategy."""

    model: LanguageModel
    """It gives distributions: scores that aren't probabilities are normalised (see `normalised`)."""
    tokenizer: Tokenizer
    strategy: DecodingStrategy
    batch_size: int = DEFAULT_BATCH_SIZE
    share_prefixes: bool = True
    """Whether prefixes that prompts share are read once; it changes nothing else."""
    find_model: FindModel = no_other_models
    """How another run's model is found; searches call `other_model`."""

    def __post_init__(self) -> None:
        from models.normalised import normalised  # imports torch

        object.__setattr__(self, "model", normalised(self.model))

    def complete(
        self, prompts: Sequence[Prompt], on_done: Callable[[int], None] = lambda count: None
    ) -> list[Completion]:
        """The completions of many prompts, in the prompts' order. `on_done(count)` is called after every batch,
        with the number of its completions."""
        return self.strategy.search.complete(self, prompts, on_done)

    def stream(self, prompt: Prompt) -> Iterator[str | Completion]:
        """One completion as it is written: pieces of text that are final, then the whole Completion."""
        return self.strategy.search.stream(self, prompt)

    def other_model(self, name: str) -> tuple[LanguageModel, Tokenizer]:
        """The model of another run, normalised like the engine's own, and its tokenizer: for a search that needs one,
        such as speculative decoding."""
        model, tokenizer = self.find_model(name)
        from models.normalised import normalised

        return normalised(model), tokenizer

    def encode(self, prompts: Sequence[Prompt]) -> list[np.ndarray]:
        """The prompts' tokens. UserError where one can't fit and the strategy's `at_context_limit` is 'error'."""
        encoded = [self.tokenizer.encode(prompt.text) for prompt in prompts]
        window = self.model.window_length
        if self.strategy.at_context_limit == "error" and window is not None:
            for prompt, tokens in zip(prompts, encoded, strict=True):
                if len(tokens) + 1 + prompt.max_new_tokens > window:
                    raise UserError(
                        f"a prompt of {len(tokens)} tokens and {prompt.max_new_tokens} new ones don't fit into the "
                        f"model's window of {window} (the start token takes one). Shorten either, or let the window "
                        "slide: decoding.at_context_limit=slide."
                    )
        return encoded

    def open(self, prompt: Prompt, tokens: np.ndarray) -> Writing:
        """A new sequence after a prompt. tokens: those of the prompt."""
        window = self.model.window_length
        if self.strategy.at_context_limit != "stop" or window is None:
            return Writing(prompt, self.tokenizer)
        return Writing(prompt, self.tokenizer, room=window - 1 - len(tokens))

    def reader(self, encoded: Sequence[np.ndarray]) -> PromptReader:
        """A reader of prompts, given as their tokens, in batches."""
        return PromptReader(self.model, encoded, self.share_prefixes)


@dataclass(frozen=True)
class Step:
    """One token of each sequence that is still being written."""

    rows: Sequence[int]
    """Indices of the sequences."""
    expected: Tensor
    """(B, V): the model's log-probabilities."""
    stages: Sequence[Tensor]
    """(B, V) each: the log-probabilities after each transform, in order."""
    chosen: Tensor
    """(B,): the tokens picked."""


def write_one_by_one(
    engine: Engine, writings: Sequence[Writing], prompts: Sequence[np.ndarray], state: State
) -> Iterator[Step]:
    """Write sequences to their ends, one token of each at a time; finished rows leave the batch.

    prompts: the tokens of each prompt; state: the model's after reading them.
    """
    active = list(range(len(writings)))
    sampler = engine.strategy.sampler(len(writings))
    history = History(engine, prompts)
    chosen: Tensor | None = None
    while True:
        still = [position for position, row in enumerate(active) if writings[row].finish_reason is None]
        if not still:
            return
        if len(still) < len(active):
            active = [active[position] for position in still]
            state, chosen = state.select(still), None if chosen is None else chosen[still]
            sampler.select(still)
            history.select(still)
        if chosen is not None:
            _, state = engine.model.read(state, chosen[:, None])
        logprobs = state.logprobs
        distribution = sampler.distribution(logprobs, history.rows)
        uniforms = torch.zeros(len(active), dtype=torch.float64)
        if engine.strategy.chooser.draws:
            uniforms = torch.tensor([writings[row].uniform() for row in active], dtype=torch.float64)
        chosen = sampler.choose(distribution, uniforms)
        sampler.remember(chosen, history.rows)
        history.add(chosen)
        steps = zip(
            chosen.tolist(),
            logprobs.gather(1, chosen[:, None])[:, 0].tolist(),
            distribution.gather(1, chosen[:, None])[:, 0].tolist(),
            strict=True,
        )
        for row, step in zip(active, steps, strict=True):
            writings[row].add(*step)
        yield Step(active, logprobs, sampler.stages, chosen)


class History:
    """The tokens that each row has read and written; updated only where a transform needs them."""

    def __init__(self, engine: Engine, prompts: Sequence[np.ndarray]) -> None:
        self._kept = engine.strategy.looks_back
        tokens, lengths = pad(prompts)
        self.rows = Rows(tokens, lengths, lengths, engine.tokenizer)

    def add(self, chosen: Tensor) -> None:
        """Add one token to each row (B,)."""
        if not self._kept:
            return
        rows = self.rows
        tokens = rows.tokens
        if int(rows.lengths.max()) == tokens.shape[1]:
            tokens = torch.cat([tokens, torch.zeros(len(tokens), max(16, tokens.shape[1]), dtype=torch.int64)], dim=1)
        else:
            tokens = tokens.clone()
        tokens[torch.arange(len(tokens)), rows.lengths] = chosen.cpu()
        self.rows = Rows(tokens, rows.lengths + 1, rows.prompt_lengths, rows.tokenizer)

    def extend(self, tokens: Tensor, lengths: Sequence[int]) -> None:
        """Add the first `lengths[b]` of these tokens (B, T) to row b."""
        if not self._kept:
            return
        old = self.rows
        texts = [
            np.concatenate([old.tokens[row, :old_length].numpy(), tokens[row, :length].numpy()])
            for row, (old_length, length) in enumerate(zip(old.lengths.tolist(), lengths, strict=True))
        ]
        padded, new_lengths = pad(texts)
        self.rows = Rows(padded, new_lengths, old.prompt_lengths, old.tokenizer)

    def copy(self) -> History:
        """An independent copy."""
        return copy.copy(self)

    def select(self, rows: Tensor | Sequence[int]) -> None:
        index = torch.as_tensor(rows, dtype=torch.int64)
        old = self.rows
        self.rows = Rows(old.tokens[index], old.lengths[index], old.prompt_lengths[index], old.tokenizer)
