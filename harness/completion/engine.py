"""The completion engine: asks a language model again and again and picks, until a stop text or a length.

Works for every family through the contract alone. Prompts are read together, what they share once; sequences that end
leave the batch. A sequence's randomness comes from its own seed, so what it says depends neither on its neighbours nor
on the batch size.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from harness.common.errors import UserError
from harness.completion.decoding.transform import DecodingStrategy, OneByOne, Rows, Sampler
from harness.completion.sequence import Completion as Completion
from harness.completion.sequence import Prompt as Prompt
from harness.completion.sequence import Writing
from harness.scoring.prompt_reader import DEFAULT_BATCH_SIZE, PromptReader, pad
from harness.text.tokenizers.tokenizer import Tokenizer
from models.language_model import LanguageModel, State

FindModel = Callable[[str], tuple[LanguageModel, Tokenizer]]


def no_other_models(name: str) -> tuple[LanguageModel, Tokenizer]:
    """A `FindModel` where there are none to find."""
    raise UserError(f"there is no other model {name!r} here. Use a strategy that needs none.")


@dataclass(frozen=True)
class Engine:
    """A model under a decoding strategy."""

    model: LanguageModel
    tokenizer: Tokenizer
    strategy: DecodingStrategy
    batch_size: int = DEFAULT_BATCH_SIZE
    share_prefixes: bool = True
    """Whether beginnings that prompts share are read once; it changes nothing else."""
    find_model: FindModel = no_other_models
    """How a search that needs another run's model, as a draft, gets it."""

    def complete(
        self, prompts: Sequence[Prompt], on_done: Callable[[int], None] = lambda count: None
    ) -> list[Completion]:
        """The completions of many prompts, in the prompts' order. `on_done(count)` hears of every batch that is
        finished."""
        return self.strategy.search.complete(self, prompts, on_done)

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

    def expected(self, state: State) -> Tensor:
        """(B, V) log-probabilities of what comes next."""
        if self.model.why_no_distribution is not None:
            return torch.log_softmax(state.logprobs, dim=-1)
        return state.logprobs


def stream(engine: Engine, prompt: Prompt) -> Iterator[str | Completion]:
    """One completion as it is written: pieces of text that will not be taken back, then the whole Completion.

    A search that looks at whole sequences gives its text in one piece.
    """
    if not isinstance(engine.strategy.search, OneByOne):
        [completion] = engine.complete([prompt])
        if completion.text:
            yield completion.text
        yield completion
        return
    [tokens] = engine.encode([prompt])
    writing = engine.open(prompt, tokens)
    shown = 0
    for _ in write_one_by_one(engine, [writing], [tokens], engine.reader([tokens]).read([0])):
        certain = writing.certain_length()
        if certain > shown:
            yield writing.text[shown:certain]
            shown = certain
    completion = writing.completion()
    if len(completion.text) > shown:
        yield completion.text[shown:]
    yield completion


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
    sampler = Sampler(engine.strategy, len(writings))
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
        logprobs = engine.expected(state)
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
        yield Step(active, logprobs, sampler.given, chosen)


class History:
    """What each row has read and written, where a transform wants to know."""

    def __init__(self, engine: Engine, prompts: Sequence[np.ndarray]) -> None:
        self._kept = engine.strategy.looks_back
        tokens, lengths = pad(prompts)
        self.rows = Rows(tokens, lengths, lengths, engine.tokenizer)

    def add(self, chosen: Tensor) -> None:
        """One more token a row (B,)."""
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
        """Of row b the first `lengths[b]` of these tokens (B, T) more."""
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
        """A history that goes on by itself."""
        return copy.copy(self)

    def select(self, rows: Tensor | Sequence[int]) -> None:
        index = torch.as_tensor(rows, dtype=torch.int64)
        old = self.rows
        self.rows = Rows(old.tokens[index], old.lengths[index], old.prompt_lengths[index], old.tokenizer)
