"""The completion engine: asks a language model again and again and picks, until a stop text or a length.

An `Engine` is a model under a `DecodingStrategy`; the strategy's `Search` says how whole sequences come about: usually
one sequence, a token at a time (`OneByOne`).

The engine works for every family through the contract alone. Prompts are read together, and what they share is read
once; sequences that end leave the batch. A sequence's randomness comes from its own seed, so what it says depends
neither on its neighbours nor on the batch size.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Self

import numpy as np
import torch
from torch import Tensor

from harness.common.errors import UserError
from harness.completion.decoding.transform import Chooser, Rows, Sampler, Transform
from harness.completion.sequence import Completion, Prompt, Writing
from harness.scoring.prompt_reader import DEFAULT_BATCH_SIZE, PromptReader, pad
from harness.text.tokenizers.tokenizer import Tokenizer
from models.language_model import LanguageModel, State
from models.normalised import normalised

FindModel = Callable[[str], tuple[LanguageModel, Tokenizer]]
"""Finds the model of another run, and its tokenizer, by name."""


def no_other_models(name: str) -> tuple[LanguageModel, Tokenizer]:
    """A `FindModel` where there are none to find."""
    raise UserError(f"there is no other model {name!r} here. Use a strategy that needs none.")


class Search(ABC):
    """A frozen dataclass of settings: how whole sequences come about."""

    def with_fits(self, fit_of: Callable[[str], str]) -> Self:
        """The same, with each run that it names, if any, replaced by the id of that run's fit."""
        return self

    def draws(self, chooser: Chooser) -> bool:
        """Whether what it writes with this chooser depends on random numbers; one that draws by itself says so."""
        return chooser.draws

    def steps(self, engine: Engine, writing: Writing, tokens: np.ndarray) -> Iterator[Step]:
        """Write one sequence to its end and give every step. tokens: the prompt's.

        UserError where the search weighs whole sequences, so that there are no such steps.
        """
        raise UserError(
            f"a search ({type(self).__name__}) weighs whole sequences, so its tokens can't be explained one by one. "
            "Explain a strategy without one, as --decoding top_p."
        )

    def stream(self, engine: Engine, prompt: Prompt) -> Iterator[str | Completion]:
        """One completion as it is written: pieces of text that will not be taken back, then the whole Completion.

        Here the text comes in one piece, as nothing is certain before the end.
        """
        [completion] = self.complete(engine, [prompt], lambda count: None)
        if completion.text:
            yield completion.text
        yield completion

    @abstractmethod
    def complete(self, engine: Engine, prompts: Sequence[Prompt], on_done: Callable[[int], None]) -> list[Completion]:
        """A completion of each prompt, in order; `on_done(count)` is called after every few, with their number."""


@dataclass(frozen=True)
class OneByOne(Search):
    """One sequence, a token at a time: whatever the chooser picks stays."""

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
        """Whether some transform needs to know what was read."""
        return any(transform.looks_back for transform in self.transforms.values())

    def sampler(self, num_rows: int) -> Sampler:
        """The transforms and the chooser at work on some rows that have written nothing yet."""
        return Sampler(list(self.transforms.values()), self.chooser, num_rows)


@dataclass(frozen=True)
class Engine:
    """A model under a decoding strategy."""

    model: LanguageModel
    """It gives distributions: one whose scores are no probabilities is taken through `normalised`."""
    tokenizer: Tokenizer
    strategy: DecodingStrategy
    batch_size: int = DEFAULT_BATCH_SIZE
    share_prefixes: bool = True
    """Whether beginnings that prompts share are read once; it changes nothing else."""
    find_model: FindModel = no_other_models
    """How another run's model is found; searches ask `other_model`."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "model", normalised(self.model))

    def complete(
        self, prompts: Sequence[Prompt], on_done: Callable[[int], None] = lambda count: None
    ) -> list[Completion]:
        """The completions of many prompts, in the prompts' order. `on_done(count)` is called after every batch,
        with the number of its completions."""
        return self.strategy.search.complete(self, prompts, on_done)

    def stream(self, prompt: Prompt) -> Iterator[str | Completion]:
        """One completion as it is written: pieces of text that will not be taken back, then the whole Completion."""
        return self.strategy.search.stream(self, prompt)

    def other_model(self, name: str) -> tuple[LanguageModel, Tokenizer]:
        """The model of another run, and its tokenizer, for a search that needs one, as a draft. It gives distributions,
        as the engine's own does."""
        model, tokenizer = self.find_model(name)
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
        """A sequence to be written after a prompt, given as its tokens too."""
        window = self.model.window_length
        if self.strategy.at_context_limit != "stop" or window is None:
            return Writing(prompt, self.tokenizer)
        return Writing(prompt, self.tokenizer, room=window - 1 - len(tokens))

    def reader(self, encoded: Sequence[np.ndarray]) -> PromptReader:
        """Reads the prompts, given as their tokens, batch by batch."""
        return PromptReader(self.model, encoded, self.share_prefixes)


@dataclass(frozen=True)
class Step:
    """One token of each sequence that is still being written."""

    rows: Sequence[int]
    """Which of the sequences these are."""
    expected: Tensor
    """(B, V): the model's log-probabilities."""
    stages: Sequence[Tensor]
    """(B, V) each: what was left of them after each transform, in order."""
    chosen: Tensor
    """(B,): what was picked."""


def write_one_by_one(
    engine: Engine, writings: Sequence[Writing], prompts: Sequence[np.ndarray], state: State
) -> Iterator[Step]:
    """Write sequences to their ends, a token each at a time; finished rows leave the batch.

    prompts: what each begins with, as tokens; state: the model's after reading them.
    """
    active = list(range(len(writings)))
    sampler = engine.strategy.sampler(len(writings))
    history = History(engine, prompts)
    chosen: Tensor | None = None
    while True:
        still = [place for place, row in enumerate(active) if writings[row].finish_reason is None]
        if not still:
            return
        if len(still) < len(active):
            active = [active[place] for place in still]
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
    """What each row has read and written; it grows only where a transform needs it."""

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
            np.concatenate([old.tokens[row, :held].numpy(), tokens[row, :more].numpy()])
            for row, (held, more) in enumerate(zip(old.lengths.tolist(), lengths, strict=True))
        ]
        padded, longer = pad(texts)
        self.rows = Rows(padded, longer, old.prompt_lengths, old.tokenizer)

    def copy(self) -> History:
        """An independent copy."""
        return copy.copy(self)

    def select(self, rows: Tensor | Sequence[int]) -> None:
        index = torch.as_tensor(rows, dtype=torch.int64)
        old = self.rows
        self.rows = Rows(old.tokens[index], old.lengths[index], old.prompt_lengths[index], old.tokenizer)
