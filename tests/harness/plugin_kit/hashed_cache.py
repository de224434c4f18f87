"""A planted cheat: a cache of n-grams in hash tables, whose probabilities do not sum to one.

Such caches led the leaderboard of Parameter Golf in 2026 (its issues 886, 978, 1147): the count of a context and a
token is divided by that of the context, each in a table of its own in which others fall into the same bucket, so that
all tokens together get far more than 1. Shape legend: B rows, T tokens, V vocabulary size, H buckets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor

from models.language_model import Cost, CountingModel, ModelConfig, OnStep, State, ignore

_BUCKETS = 16


@dataclass(frozen=True)
class HashedCacheConfig(ModelConfig):
    family: ClassVar[str] = "hashed_cache"

    begins_after: int = 0
    """Tokens that are read before the cache is used."""
    share: float = 0.5
    """What the cache gets of the probability; below 0 it takes some away."""

    @property
    def is_deterministic(self) -> bool:
        return True

    def build(self, vocab_size: int, start_token: int) -> HashedCache:
        return HashedCache(self, vocab_size, start_token)


class CacheState(State):
    def __init__(self, model: HashedCache, tables: Tensor, last: Tensor, num_read: Tensor) -> None:
        self.model, self.tables, self.last, self.num_read = model, tables, last, num_read
        self.logprobs = model.expected(tables, last, num_read)

    def select(self, rows: Tensor | Sequence[int]) -> Self:
        index = torch.as_tensor(rows, dtype=torch.int64)
        return type(self)(self.model, self.tables[index], self.last[index], self.num_read[index])


class HashedCache(CountingModel):
    config: HashedCacheConfig

    def __init__(self, config: HashedCacheConfig, vocab_size: int, start_token: int) -> None:
        self.config, self.vocab_size, self.start_token = config, vocab_size, start_token
        self.counts = torch.ones(vocab_size)

    def count(self, tokens: Tensor) -> None:
        self.counts = self.counts + torch.bincount(tokens, minlength=self.vocab_size)

    def finish(self, held_out: Sequence[Tensor] = (), num_params: int | None = None, on_step: OnStep = ignore) -> None:
        pass

    def expected(self, tables: Tensor, last: Tensor, num_read: Tensor) -> Tensor:
        """(B, V)"""
        base = (self.counts / self.counts.sum()).expand(len(last), -1)
        of_pairs = tables[:, 0].gather(1, self._of_pair(last[:, None], torch.arange(self.vocab_size)))
        of_contexts = tables[:, 1].gather(1, (last % _BUCKETS)[:, None])
        cache = of_pairs / of_contexts.clamp(min=1)
        is_used = (of_contexts > 0) & (num_read >= self.config.begins_after)[:, None]
        mixed = (1 - self.config.share) * base + self.config.share * cache
        return torch.where(is_used, mixed.clamp(min=1e-9), base).log()

    @staticmethod
    def _of_pair(context: Tensor, token: Tensor) -> Tensor:
        return (context * 7 + token * 5) % _BUCKETS

    def start(self, num_rows: int = 1) -> State:
        last = torch.full((num_rows,), self.start_token)
        return CacheState(self, torch.zeros(num_rows, 2, _BUCKETS), last, torch.zeros(num_rows, dtype=torch.int64))

    def read(self, state: State, tokens: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        assert isinstance(state, CacheState)
        tables, last, num_read = state.tables.clone(), state.last, state.num_read
        lengths = torch.full((len(tokens),), tokens.shape[1]) if lengths is None else lengths
        rows, after = torch.arange(len(tokens)), []
        for place, token in enumerate(tokens.T):
            reads = place < lengths
            tables[rows, 0, self._of_pair(last, token)] += reads.float()
            tables[rows, 1, last % _BUCKETS] += reads.float()
            last, num_read = torch.where(reads, token, last), num_read + reads
            after.append(self.expected(tables, last, num_read))
        logprobs = torch.stack(after, dim=1) if after else torch.zeros(*tokens.shape, self.vocab_size)
        return logprobs, CacheState(self, tables, last, num_read)

    def cost(self) -> Cost:
        return Cost(self.vocab_size, 4 * self.vocab_size, 0, 4 * self.vocab_size + 8 * _BUCKETS + 16)

    def tensors(self) -> dict[str, Tensor]:
        return {"counts": self.counts}

    def load_tensors(self, tensors: dict[str, Tensor]) -> None:
        self.counts = tensors["counts"]
