"""A model and counts above it: how post-training changes a family that counts.

The base gives p_base(w | h) of each token w after the text h. The counts c are of other text, each with a weight of 0
or more: a count of 0.3 is the event (h, w) seen 0.3 times, and a token of weight 0 is only context. From the shortest
context up, each level mixes in what was counted after the last k tokens h_k:

    p_k(w | h) = (c(h_k w) + kappa_k p_k-1(w | h)) / (c(h_k) + kappa_k),        p_-1 = p_base

So what is often counted after a context decides, and what never was leaves the base as it is: each level is the
posterior mean under a Dirichlet prior around the level below it (MacKay and Peto 1995), and with one level this is MAP
adaptation (Bacchiani, Riley, Roark and Sproat 2006). Held-out text chooses the concentrations kappa_k; with an infinite
one a level is left out.

Shape legend: B rows, T tokens, N places in texts, K levels, V vocabulary size, X contexts of a level, n its pairs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.above import NOTHING, AboveModel
from models.checks import check_stored, check_tokens, stored_array
from models.language_model import Cost, LanguageModel
from models.settings.adapted import AdaptedConfig
from models.sparse_rows import Floats, Ints, SparseRows

CONCENTRATIONS = (*(2.0**power for power in range(-6, 15)), math.inf)
"""The values of kappa that are tried."""
_SWEEPS = 3


@dataclass(frozen=True, eq=False)
class Level:
    """What was counted after contexts of one length."""

    contexts: Ints
    """(X,): the contexts as numbers, ascending."""
    totals: Floats
    """(X,): c(h_k)."""
    pairs: SparseRows
    """A row for each context, a column for each token."""
    counts: Floats
    """(n,): c(h_k w)."""

    @classmethod
    def of(cls, contexts: Ints, tokens: Ints, weights: Floats, vocab_size: int) -> Level:
        """contexts, tokens, weights: (N,) of events; all weights above 0."""
        known, rows = np.unique(contexts, return_inverse=True)
        keys, places = np.unique(rows * vocab_size + tokens, return_inverse=True)
        counts = np.bincount(places, weights, len(keys)).astype(np.float64)
        totals = np.bincount(rows, weights, len(known)).astype(np.float64)
        return cls(known, totals, SparseRows(keys, len(known), vocab_size), counts)

    def rows(self, contexts: Ints) -> Ints:
        """The row of each context (N,); -1 where nothing was counted after it."""
        if not len(self.contexts):
            return np.full(len(contexts), -1)
        rows = np.minimum(np.searchsorted(self.contexts, contexts), len(self.contexts) - 1)
        return np.where(self.contexts[rows] == contexts, rows, -1)

    def after(self, contexts: Ints, tokens: Ints) -> tuple[Floats, Floats]:
        """(c(h_k w), c(h_k)) of each place (N,)."""
        rows = self.rows(contexts)
        seen = rows >= 0
        totals = np.where(seen, self.totals[rows], 0.0) if len(self.totals) else np.zeros(len(rows))
        counts = np.zeros(len(rows))
        entries = self.pairs.find(rows[seen], tokens[seen])
        counts[seen] = np.where(entries >= 0, self.counts[entries], 0.0) if len(self.counts) else 0.0
        return counts, totals


class Adapted(AboveModel):
    """A base with counts above it. `count`, then `choose`; or load."""

    config: AdaptedConfig

    def __init__(self, config: AdaptedConfig, base: LanguageModel) -> None:
        self.config = config
        self.stand_on(base, config.adaptation.most_context)
        nothing = np.zeros(0, np.int64)
        empty = Level.of(nothing, nothing, np.zeros(0), self.vocab_size)
        self.levels = [empty] * (self.most_context + 1)
        self.concentrations: Floats = np.full(self.most_context + 1, math.inf)

    def count(self, documents: Sequence[NDArray[Any]], weights: Sequence[Floats]) -> None:
        """Count the events of documents, in place of what was counted before. documents: (N,) token ids each, without
        the start token. weights: (N,) each, 0 or more."""
        tokens = np.concatenate([np.zeros(0, np.int64), *documents]).astype(np.int64)
        check_tokens(tokens, self.vocab_size)
        of_events = np.concatenate([np.zeros(0), *weights])
        levels = []
        for contexts in self._contexts_of_all(documents):
            counted = (of_events > 0) & (contexts != NOTHING)
            levels.append(Level.of(contexts[counted], tokens[counted], of_events[counted], self.vocab_size))
        self.levels = levels

    def choose(self, documents: Sequence[NDArray[Any]], weights: Sequence[Floats]) -> None:
        """Choose the concentrations by held-out documents: the ones that give their events, by weight, the highest
        likelihood. One level after another, three times; without any event all levels are left out."""
        self.concentrations = np.full(len(self.levels), math.inf)
        of_events = np.concatenate([np.zeros(0), *weights])
        if not (of_events > 0).any():
            return
        tokens = np.concatenate(documents).astype(np.int64)
        before = np.concatenate([_base_logprobs(self.base, document) for document in documents])
        learnt = of_events > 0
        evidence = [
            level.after(contexts[learnt], tokens[learnt])
            for level, contexts in zip(self.levels, self._contexts_of_all(documents), strict=True)
        ]
        probabilities, of_events = np.exp(before[learnt].astype(np.float64)), of_events[learnt]

        def loss(concentrations: Floats) -> float:
            mixed = probabilities
            for (counts, totals), concentration in zip(evidence, concentrations, strict=True):
                if math.isfinite(concentration):
                    mixed = (counts + concentration * mixed) / (totals + concentration)
            with np.errstate(divide="ignore"):
                return float(-(of_events * np.log(mixed)).sum())

        for _ in range(_SWEEPS):
            for number in range(len(self.levels)):
                tried = []
                for concentration in CONCENTRATIONS:
                    candidate = self.concentrations.copy()
                    candidate[number] = concentration
                    tried.append((loss(candidate), -concentration, candidate))
                self.concentrations = min(tried, key=lambda one: one[:2])[2]

    def _contexts_of_all(self, documents: Sequence[NDArray[Any]]) -> Iterator[Ints]:
        """For each level, the context of every token of all documents, one after another."""
        by_document = [self.contexts(self._opened(document))[:, :-1] for document in documents]
        for number in range(self.most_context + 1):
            yield np.concatenate([np.zeros(0, np.int64), *(contexts[number] for contexts in by_document)])

    def _opened(self, document: NDArray[Any]) -> Ints:
        return np.concatenate([[self.start_token], document]).astype(np.int64)

    def change(self, logprobs: Tensor, contexts: Ints) -> Tensor:
        mixed = logprobs.cpu().double().exp().numpy()
        for level, concentration, ends in zip(self.levels, self.concentrations, contexts, strict=True):
            rows = level.rows(ends) if math.isfinite(concentration) else np.full(len(ends), -1)
            seen = np.flatnonzero(rows >= 0)
            if not len(seen):
                continue
            totals = level.totals[rows[seen]] + concentration
            mixed[seen] *= (concentration / totals)[:, None]
            places, entries = level.pairs.entries_of(rows[seen])
            mixed[seen[places], level.pairs.columns[entries]] += level.counts[entries] / totals[places]
        with np.errstate(divide="ignore"):
            return torch.from_numpy(np.log(mixed).astype(np.float32))

    def token_logprobs(self, tokens: Tensor, lengths: Tensor | None = None) -> Tensor:
        mixed = np.exp(self.base.token_logprobs(tokens, lengths).cpu().double().numpy()).ravel()
        opened = np.concatenate([np.full((len(tokens), 1), self.start_token), tokens.cpu().numpy()], axis=1)
        contexts = self.contexts(opened)[..., :-1].reshape(len(self.levels), -1)
        targets = tokens.cpu().numpy().ravel()
        for level, concentration, ends in zip(self.levels, self.concentrations, contexts, strict=True):
            if math.isfinite(concentration):
                counts, totals = level.after(ends, targets)
                mixed = (counts + concentration * mixed) / (totals + concentration)
        with np.errstate(divide="ignore", invalid="ignore"):  # entries past a row's end may be anything
            return torch.from_numpy(np.log(mixed).astype(np.float32)).view(tokens.shape)

    def cost(self) -> Cost:
        """The base's, and a parameter for each count and each concentration."""
        base, own = self.base.cost(), self._own_tensors().values()
        return Cost(
            num_params=base.num_params + sum(len(level.counts) for level in self.levels) + len(self.concentrations),
            model_bytes=base.model_bytes + sum(tensor.nbytes for tensor in own),
            flops_per_token=base.flops_per_token,
            state_bytes_at_context=base.state_bytes_at_context + 4 * self.vocab_size + 8 * self.most_context,
        )

    def _own_tensors(self) -> dict[str, Tensor]:
        arrays: dict[str, NDArray[Any]] = {"concentrations": self.concentrations}
        for number, level in enumerate(self.levels):
            arrays |= {
                f"contexts.{number}": level.contexts,
                f"pairs.{number}": level.pairs.keys,
                f"counts.{number}": level.counts,
            }
        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    def tensors(self) -> dict[str, Tensor]:
        return self.base_tensors() | self._own_tensors()

    def load_tensors(self, tensors: dict[str, Tensor]) -> None:
        """Raises BadWeights (models/checks.py) where the arrays are no counts over this vocabulary."""
        own = self.load_base_tensors(tensors)
        num_levels = self.most_context + 1
        concentrations = stored_array(own, "concentrations", torch.float64, (num_levels,)).numpy()
        check_stored("concentrations", bool((concentrations > 0).all()), "concentrations must be above 0")
        levels = []
        for number in range(num_levels):
            contexts = stored_array(own, f"contexts.{number}", torch.int64, (None,)).numpy()
            keys = stored_array(own, f"pairs.{number}", torch.int64, (None,)).numpy()
            counts = stored_array(own, f"counts.{number}", torch.float64, (len(keys),)).numpy()
            ascends = bool((contexts[:-1] < contexts[1:]).all() and (keys[:-1] < keys[1:]).all())
            rows = keys // self.vocab_size
            fits = ascends and bool(((rows >= 0) & (rows < len(contexts))).all())
            check_stored(f"pairs.{number}", fits, "contexts and pairs must ascend, each pair with a context")
            check_stored(f"counts.{number}", bool((counts > 0).all()), "counts must be above 0")
            totals = np.bincount(rows, counts, len(contexts)).astype(np.float64)
            levels.append(Level(contexts, totals, SparseRows(keys, len(contexts), self.vocab_size), counts))
        self.levels, self.concentrations = levels, concentrations


def _base_logprobs(base: LanguageModel, document: NDArray[Any]) -> Floats:
    scored: Floats = base.token_logprobs(torch.from_numpy(document.astype(np.int64))[None])[0].double().numpy()
    return scored
