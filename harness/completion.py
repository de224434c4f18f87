"""The completion engine: asks a language model again and again and picks, until a stop text or a length.

Works for every family through the contract alone. A sequence's randomness comes from its own seed, so what it says does
not depend on the batch it is in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from harness.decoding import DecodingStrategy
from harness.text.tokenizer import Tokenizer
from models.language_model import LanguageModel, State

DEFAULT_BATCH_SIZE = 64
# Prompts are read in pieces of this many tokens, so that a long one never needs (B, T, V) at once.
_PIECE = 128


@dataclass(frozen=True)
class Prompt:
    """One completion that is asked for."""

    text: str
    max_new_tokens: int
    stop: tuple[str, ...] = ()
    """The completion ends before the first of these to appear in it; none may be empty."""
    seed: int = 0
    """Of this sequence's own random stream."""

    def __post_init__(self) -> None:
        assert self.max_new_tokens >= 0
        assert all(self.stop), "an empty stop text would stop everything"


@dataclass(frozen=True)
class Completion:
    """What a model wrote after a prompt."""

    text: str
    """Without the stop text."""
    tokens: tuple[int, ...]
    """Every token that was chosen, those of the stop text included."""
    logprobs: tuple[float, ...]
    """Natural logarithm of each chosen token's probability under the model."""
    sampler_logprobs: tuple[float, ...]
    """The same under the decoding strategy's distribution."""
    finish_reason: str
    """'stop' (a stop text, or the model ended the document) or 'length'."""
    stop_text: str | None
    """The stop text that was met; None where the model ended the document or the length was reached."""


def seed_of(*parts: object) -> int:
    """A 64-bit seed from whatever names a sequence (a run's seed, a sample's id, ...), the same in every process."""
    text = "\x1f".join(map(str, parts))
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "little")


def complete(
    model: LanguageModel,
    tokenizer: Tokenizer,
    prompts: Sequence[Prompt],
    strategy: DecodingStrategy,
    batch_size: int = DEFAULT_BATCH_SIZE,
    on_done: Callable[[int], None] = lambda count: None,
) -> list[Completion]:
    """The completions of many prompts, in the prompts' order. `on_done(count)` hears of every batch that is
    finished."""
    encoded = [tokenizer.encode(prompt.text) for prompt in prompts]
    # prompts of like length share a batch, so that few rows wait for others
    order = sorted(range(len(prompts)), key=lambda index: (len(encoded[index]), prompts[index].max_new_tokens))
    done: dict[int, Completion] = {}
    for begin in range(0, len(order), batch_size):
        batch = order[begin : begin + batch_size]
        sequences = [_Sequence(prompts[index], tokenizer) for index in batch]
        state = read_prompts(model, [encoded[index] for index in batch])
        for _ in _steps(model, state, sequences, strategy):
            pass
        done.update((index, sequence.completion()) for index, sequence in zip(batch, sequences, strict=True))
        on_done(len(batch))
    return [done[index] for index in range(len(prompts))]


def stream(
    model: LanguageModel, tokenizer: Tokenizer, prompt: Prompt, strategy: DecodingStrategy
) -> Iterator[str | Completion]:
    """One completion as it is written: pieces of text that will not be taken back, then the whole Completion."""
    sequence = _Sequence(prompt, tokenizer)
    state = read_prompts(model, [tokenizer.encode(prompt.text)])
    shown = 0
    for _ in _steps(model, state, [sequence], strategy):
        certain = sequence.certain_length()
        if certain > shown:
            yield sequence.text[shown:certain]
            shown = certain
    completion = sequence.completion()
    if len(completion.text) > shown:
        yield completion.text[shown:]
    yield completion


def read_prompts(model: LanguageModel, prompts: Sequence[np.ndarray]) -> State:
    """The state after reading each of several token sequences, of any lengths, from the start of a document."""
    lengths = torch.tensor([len(tokens) for tokens in prompts])
    longest = int(lengths.max())
    padded = torch.zeros(len(prompts), longest, dtype=torch.int64)
    for row, tokens in enumerate(prompts):
        padded[row, : len(tokens)] = torch.from_numpy(tokens)
    state = model.start(len(prompts))
    for begin in range(0, longest, _PIECE):
        piece = padded[:, begin : begin + _PIECE]
        _, state = model.read(state, piece, (lengths - begin).clamp(0, piece.shape[1]))
    return state


class _Sequence:
    """One row while it is being written."""

    def __init__(self, prompt: Prompt, tokenizer: Tokenizer) -> None:
        self.prompt = prompt
        self.tokenizer = tokenizer
        self.tokens: list[int] = []
        self.logprobs: list[float] = []
        self.sampler_logprobs: list[float] = []
        self.text = ""
        self.stop_text: str | None = None
        self.finish_reason = "length" if prompt.max_new_tokens == 0 else None
        self.uniforms = np.random.Generator(np.random.Philox(prompt.seed)).random(prompt.max_new_tokens)

    def add(self, token: int, logprob: float, sampler_logprob: float) -> None:
        self.tokens.append(token)
        self.logprobs.append(logprob)
        self.sampler_logprobs.append(sampler_logprob)
        if token == self.tokenizer.start_token:
            self.finish_reason = "stop"
            return
        self.text = self.tokenizer.decode(self.tokens)
        met = [(self.text.find(stop), stop) for stop in self.prompt.stop if stop in self.text]
        if met:
            position, self.stop_text = min(met)
            self.text = self.text[:position]
            self.finish_reason = "stop"
        elif len(self.tokens) == self.prompt.max_new_tokens:
            self.finish_reason = "length"

    def certain_length(self) -> int:
        """Characters of the text that no later token can take back: all but what may be the beginning of a stop text,
        or of a character whose bytes are still arriving."""
        if self.finish_reason:
            return len(self.text)
        end = len(self.text.rstrip("�"))
        for stop in self.prompt.stop:
            longest = min(len(stop) - 1, len(self.text))
            held = next((size for size in range(longest, 0, -1) if self.text.endswith(stop[:size])), 0)
            end = min(end, len(self.text) - held)
        return end

    def completion(self) -> Completion:
        assert self.finish_reason is not None
        return Completion(
            text=self.text,
            tokens=tuple(self.tokens),
            logprobs=tuple(self.logprobs),
            sampler_logprobs=tuple(self.sampler_logprobs),
            finish_reason=self.finish_reason,
            stop_text=self.stop_text,
        )


def _steps(
    model: LanguageModel, state: State, sequences: Sequence[_Sequence], strategy: DecodingStrategy
) -> Iterator[None]:
    """Write all sequences to their ends, a token each at a time; finished rows leave the batch."""
    active = [row for row, sequence in enumerate(sequences) if sequence.finish_reason is None]
    if len(active) < len(sequences):
        state = state.select(active)
    while active:
        logprobs = state.logprobs
        if model.why_no_distribution is not None:
            logprobs = torch.log_softmax(logprobs, dim=-1)
        chosen = _choose(logprobs, [sequences[row] for row in active], strategy)
        yield
        still = [position for position, row in enumerate(active) if sequences[row].finish_reason is None]
        active = [active[position] for position in still]
        if active:
            if len(still) < state.num_rows:
                state = state.select(still)
            _, state = model.read(state, chosen[still][:, None])


def _choose(logprobs: Tensor, sequences: Sequence[_Sequence], strategy: DecodingStrategy) -> Tensor:
    sampler = strategy.distribution(logprobs)
    uniforms = torch.tensor([sequence.uniforms[len(sequence.tokens)] for sequence in sequences], dtype=torch.float64)
    chosen = strategy.chooser(sampler, uniforms)
    under_model = logprobs.gather(1, chosen[:, None])[:, 0].tolist()
    under_sampler = sampler.gather(1, chosen[:, None])[:, 0].tolist()
    for sequence, *step in zip(sequences, chosen.tolist(), under_model, under_sampler, strict=True):
        sequence.add(*step)
    return chosen
