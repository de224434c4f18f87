"""A small model of any family, fitted quickly to a few documents of a random chain or to any stream of ids.

The contract's checks (models/checking/contract.py) and many tests use it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional as F

from models.combined import CombinedModel
from models.language_model import CountingModel, LanguageModel, ModelConfig
from models.neural_model import NeuralModel
from models.settings.combined import CombinedConfig

LENGTH = 30
"""Tokens that a check reads, where any number will do."""
# The ids of the random chain: nine that occur, two that never do, and the start token.
_CHAIN_SIZE = 12
_CHAIN_START = 11


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Ids to model, and a stream of them to fit to."""

    size: int
    start_token: int
    stream: Tensor
    """(N,) int64: documents, each opened by the start token."""


def _markov(num_documents: int = 40, seed: int = 0) -> Vocabulary:
    """Documents of a random Markov chain."""
    generator = torch.Generator().manual_seed(seed)
    # The last two ordinary tokens never occur.
    transitions = torch.softmax(2 * torch.randn(9, 9, generator=generator), dim=-1)
    stream = []
    for _ in range(num_documents):
        stream.append(_CHAIN_START)
        token = 0
        for _ in range(int(torch.randint(0, 60, (), generator=generator))):
            token = int(torch.multinomial(transitions[token], 1, generator=generator))
            stream.append(token)
    return Vocabulary(_CHAIN_SIZE, _CHAIN_START, torch.tensor(stream))


MARKOV = _markov()


def reopened(vocabulary: Vocabulary, start_token: int) -> Vocabulary:
    """The same documents, in which the start token and this id have changed places."""
    return Vocabulary(vocabulary.size, start_token, swapped(vocabulary.stream, vocabulary.start_token, start_token))


def swapped(tokens: Tensor, first: int, second: int) -> Tensor:
    """The same tokens, in which two ids have changed places."""
    return torch.where(tokens == first, second, torch.where(tokens == second, first, tokens))


def fit(config: ModelConfig, vocabulary: Vocabulary) -> LanguageModel:
    """A model after a very short fit. A neural model stays in training mode, which must not change what it reads."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return _fit(config, vocabulary)


def _fit(config: ModelConfig, vocabulary: Vocabulary) -> LanguageModel:
    stream = vocabulary.stream
    model = config.build(vocabulary.size, vocabulary.start_token)
    if isinstance(model, CountingModel):
        model.count(stream)
        model.finish([stream[1:50]])
        return model
    if isinstance(config, CombinedConfig):
        combined = config.combine({name: _fit(member, vocabulary) for name, member in config.members.items()})
        assert isinstance(combined, CombinedModel)
        combined.tune([stream[:50], stream[50:120]])
        return combined
    if config.is_fitted:
        return model
    if not isinstance(model, NeuralModel):
        raise AssertionError(f"{type(model).__name__} is trained neither by counting nor by gradients")
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    model.train()
    length, carry = 8, None
    rows = stream[: 4 * (len(stream) // 4)].view(4, -1)
    for begin in range(0, 10 * length, length):
        part = rows[:, begin : begin + length + 1]
        logits, carry = model(part[:, :-1], carry)
        optimizer.zero_grad()
        F.cross_entropy(logits.flatten(0, 1), part[:, 1:].flatten()).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return model


def random_tokens(vocab_size: int, *shape: int, seed: int = 1) -> Tensor:
    """Any ids of a vocabulary, the start token and tokens never seen included."""
    return torch.randint(0, vocab_size, shape, generator=torch.Generator().manual_seed(seed))


def pairs(vocab_size: int) -> Tensor:
    """(N, 2): every pair of ids, or a thousand of them where there are many."""
    ids = torch.arange(vocab_size)
    return torch.cartesian_prod(ids, ids) if vocab_size <= 32 else random_tokens(vocab_size, 1000, 2)


@dataclass(frozen=True, eq=False)
class Subject:
    """The model that the checks are about."""

    config: ModelConfig
    vocabulary: Vocabulary

    @cached_property
    def model(self) -> LanguageModel:
        """The config's model, after a very short fit."""
        return fit(self.config, self.vocabulary)

    def new(self) -> LanguageModel:
        """A new model of the config, not fitted."""
        return self.config.build(self.vocabulary.size, self.vocabulary.start_token)

    @cached_property
    def tokens(self) -> Tensor:
        """(3, T)."""
        return random_tokens(self.vocabulary.size, 3, LENGTH)
