"""A Markov chain over tokens: what comes next depends on the last token alone.

Smoothed as MacKay and Peto (1995), "A hierarchical Dirichlet language model": each token's row of transition
probabilities has a Dirichlet prior around the token frequencies, so

    p(b | a) = (count(ab) + concentration m(b)) / (count(a) + concentration)

where m is the unigram distribution. Theirs fits m and the concentration to the evidence; here m is the token
frequencies with a pseudo-count of 1, and the concentration is an option. Its default is best or nearly so on Tiny
Shakespeare as characters, byte pairs and words, from a fiftieth of it to all.

Shape legend: B rows, T tokens, V vocabulary size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from models.checks import check_stored, check_tokens, stored_array
from models.inner import Evidence, Inner
from models.language_model import Cost, CountingModel, OnStep, State, ignore
from models.settings.bigram import BigramConfig
from models.sparse_rows import Floats, Ints, SparseRows


@dataclass(frozen=True, eq=False)
class BigramState(State):
    """logprobs (B, V), and the last token of each row (B,)."""

    logprobs: Tensor
    last: Tensor

    def select(self, rows: Tensor | Sequence[int]) -> Self:
        index = torch.as_tensor(rows, dtype=torch.int64)
        return type(self)(self.logprobs[index], self.last[index])


class Bigram(CountingModel):
    """Transition probabilities with a Dirichlet back-off. Stored: V token counts, and a count for each pair seen."""

    config: BigramConfig

    def __init__(self, config: BigramConfig, vocab_size: int, start_token: int) -> None:
        self.config = config
        self.vocab_size = vocab_size
        self.start_token = start_token
        self._last_counted: Ints = np.zeros(0, np.int64)
        self._pair_keys: Ints = np.zeros(0, np.int64)
        self._pair_counts: Ints = np.zeros(0, np.int64)
        self._rows: SparseRows | None = None

    @property
    def context_length(self) -> int:
        return 1

    def count(self, tokens: Tensor) -> None:
        check_tokens(tokens.numpy(), self.vocab_size)
        stream = np.concatenate([self._last_counted, tokens.numpy()])
        keys = np.concatenate([self._pair_keys, stream[:-1] * self.vocab_size + stream[1:]])
        counts = np.concatenate([self._pair_counts, np.ones(len(keys) - len(self._pair_counts), np.int64)])
        self._pair_keys, inverse = np.unique(keys, return_inverse=True)
        self._pair_counts = np.zeros(len(self._pair_keys), np.int64)
        np.add.at(self._pair_counts, inverse, counts)
        self._last_counted = stream[-1:]

    def finish(self, held_out: Sequence[Tensor] = (), num_params: int | None = None, on_step: OnStep = ignore) -> None:
        self._rows = SparseRows(self._pair_keys, self.vocab_size, self.vocab_size)
        befores = self._pair_keys // self.vocab_size
        # Every counted token was the second of one pair.
        tokens = np.bincount(self._rows.columns, self._pair_counts, self.vocab_size) + 1
        unigram = tokens / tokens.sum()
        totals = np.bincount(befores, self._pair_counts, self.vocab_size) + self.config.concentration
        prior = self.config.concentration * unigram
        self._log_unigram: Floats = np.log(unigram)
        self._log_backoff: Floats = np.log(self.config.concentration / totals)
        self._pair_logprobs: Floats = np.log((self._pair_counts + prior[self._rows.columns]) / totals[befores])

    def _table(self) -> SparseRows:
        if self._rows is None:
            raise RuntimeError("This bigram model has counted nothing: call count, then finish, or load.")
        return self._rows

    def _after(self, last: Tensor) -> Tensor:
        """The distribution after each of these tokens. last: (N,). Returns (N, V)."""
        table, befores = self._table(), last.numpy()
        check_tokens(befores, self.vocab_size)
        logprobs = np.empty((len(befores), self.vocab_size), np.float32)
        # Summed in float64, rounded into place: no (N, V) temporary.
        np.add(self._log_backoff[befores, None], self._log_unigram, out=logprobs, casting="same_kind")
        rows, entries = table.entries_of(befores)
        logprobs[rows, table.columns[entries]] = self._pair_logprobs[entries]
        return torch.from_numpy(logprobs)

    def start(self, num_rows: int = 1) -> BigramState:
        last = torch.full((num_rows,), self.start_token)
        return BigramState(self._after(last), last)

    def read(self, state: State, tokens: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        assert isinstance(state, BigramState)
        num_rows, num_tokens = tokens.shape
        if lengths is None:
            lengths = torch.full((num_rows,), num_tokens)
        after = self._after(tokens.reshape(-1)).view(num_rows, num_tokens, self.vocab_size)
        row = torch.arange(num_rows)
        last = torch.cat([state.last[:, None], tokens], dim=1)[row, lengths]
        logprobs = torch.where((lengths > 0)[:, None], self._after(last), state.logprobs)
        return after, BigramState(logprobs, last)

    def token_logprobs(self, tokens: Tensor, lengths: Tensor | None = None) -> Tensor:
        table, targets = self._table(), tokens.numpy().ravel()
        check_tokens(targets, self.vocab_size)
        opening = torch.full((tokens.shape[0], 1), self.start_token)
        befores = torch.cat([opening, tokens], dim=1)[:, :-1].numpy().ravel()
        entries = table.find(befores, targets)
        unseen = self._log_backoff[befores] + self._log_unigram[targets]
        scored = unseen if not len(table.keys) else np.where(entries >= 0, self._pair_logprobs[entries], unseen)
        return torch.from_numpy(scored.astype(np.float32)).view(tokens.shape)

    def inner(self, tokens: Tensor) -> Inner:
        table = self._table()
        befores = np.concatenate([[self.start_token], tokens.numpy()[:-1]]) if len(tokens) else np.zeros(0, np.int64)
        entries = table.find(befores, tokens.numpy()) if len(table.keys) else np.full(len(befores), -1)
        totals = np.bincount(self._pair_keys // self.vocab_size, self._pair_counts, self.vocab_size)
        singles = np.bincount(table.columns, self._pair_counts, self.vocab_size)

        def evidence(before: int, token: int, entry: int) -> tuple[Evidence, ...]:
            total = int(totals[before])
            if entry >= 0:
                count, own = int(self._pair_counts[entry]), float(np.exp(self._pair_logprobs[entry]))
                return (Evidence((before,), own, 0.0, count, total),)
            alone = float(np.exp(self._log_unigram[token]))
            return (
                Evidence((before,), 0.0, float(np.exp(self._log_backoff[before])), 0, total),
                Evidence((), alone, 0.0, int(singles[token]), int(singles.sum())),
            )

        rows = zip(befores.tolist(), tokens.tolist(), entries.tolist(), strict=True)
        return Inner(evidence=tuple(evidence(*row) for row in rows))

    def cost(self) -> Cost:
        """A parameter is a count: one for each token, one for each pair seen (rows' totals are sums of these)."""
        return Cost(
            num_params=self.vocab_size + len(self._pair_counts),
            model_bytes=sum(tensor.nbytes for tensor in self.tensors().values()),
            flops_per_token=0,
            state_bytes_at_context=4 * self.vocab_size + 8,
        )

    def tensors(self) -> dict[str, Tensor]:
        arrays = {"pair_keys": self._pair_keys, "pair_counts": self._pair_counts, "last_counted": self._last_counted}
        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    def load_tensors(self, tensors: dict[str, Tensor]) -> None:
        """Raises BadWeights (models/checks.py) where the arrays are no counts over this vocabulary."""
        keys = stored_array(tensors, "pair_keys", torch.int64, (None,)).numpy()
        ascends = bool((keys[:-1] < keys[1:]).all())
        in_table = bool(((keys >= 0) & (keys < self.vocab_size**2)).all())
        check_stored("pair_keys", ascends and in_table, f"pairs must ascend from 0 to {self.vocab_size**2 - 1:,}")
        counts = stored_array(tensors, "pair_counts", torch.int64, (len(keys),)).numpy()
        check_stored("pair_counts", bool((counts > 0).all()), "counts must be 1 or more")
        last = stored_array(tensors, "last_counted", torch.int64, (None,)).numpy()
        valid = len(last) <= 1 and bool(((last >= 0) & (last < self.vocab_size)).all())
        check_stored("last_counted", valid, "it must be one token at most")
        self._pair_keys, self._pair_counts, self._last_counted = keys, counts, last
        self.finish()
