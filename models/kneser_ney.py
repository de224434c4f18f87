"""Estimation of interpolated modified Kneser-Ney; models/ngram.py says what it is and where it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.sparse_rows import Floats, Ints, SparseRows

FALLBACK_DISCOUNTS = (0.5, 1.0, 1.5)
"""Where the counts of counts allow no estimate; KenLM's."""


@dataclass(frozen=True, eq=False)
class Level:
    """All contexts of m tokens, and all n-grams of m + 1 tokens; m from 1."""

    contexts: SparseRows
    """(node of the newest m - 1 tokens, oldest token): the entry is the context's node."""
    log_backoffs: Floats
    """By node: the log of the weight of the shorter context's distribution."""
    ngrams: SparseRows
    """(node, predicted token): the entry is the n-gram."""
    logprobs: Floats
    """By n-gram: its log-probability, all shorter contexts' shares included."""


@dataclass(frozen=True, eq=False)
class _Counts:
    """The counts of one level, from m = 0."""

    context_keys: Ints
    num_contexts: int
    ngram_keys: Ints
    raw: Ints
    """By n-gram: how often it occurs."""
    suffixes: Ints
    """By n-gram: the level below's n-gram without the oldest token."""


def estimate(stream: Ints, order: int, vocab_size: int, start_token: int) -> tuple[Floats, list[Level], Floats]:
    """All probabilities from a training stream.

    stream: (N,) token ids, documents each opened by the start token. Returns the log-probabilities of order 1 (V,), the
    levels of orders 2 and up, and the discounts (order, 3).
    """
    counted = _count(stream, order, vocab_size, start_token)
    below = np.full(vocab_size, 1 / vocab_size)
    levels: list[Level] = []
    discounts = np.zeros((order, 3))
    for m, level in enumerate(counted):
        adjusted = level.raw
        if m + 1 < order:
            # Each n-gram of the level above is one distinct token before its suffix. What has none begins a document.
            extensions = np.bincount(counted[m + 1].suffixes, minlength=len(level.raw))
            adjusted = np.where(extensions > 0, extensions, level.raw)
        discounts[m] = estimate_discounts(np.bincount(np.minimum(adjusted, 5), minlength=5)[1:5].tolist())
        owners = level.ngram_keys // vocab_size
        taken = np.concatenate([[0.0], discounts[m]])[np.minimum(adjusted, 3)]
        totals = np.bincount(owners, adjusted, level.num_contexts)
        backoffs = np.bincount(owners, taken, level.num_contexts) / np.maximum(totals, 1)
        if m == 0:
            unigrams = np.full(vocab_size, (backoffs[0] if len(stream) > 1 else 1.0) / vocab_size)
            unigrams[level.ngram_keys] += (adjusted - taken) / totals[0]
            below = unigrams[level.ngram_keys]
            continue
        below = (adjusted - taken) / totals[owners] + backoffs[owners] * below[level.suffixes]
        contexts = SparseRows(level.context_keys, counted[m - 1].num_contexts, vocab_size)
        ngrams = SparseRows(level.ngram_keys, level.num_contexts, vocab_size)
        levels.append(Level(contexts, np.log(backoffs), ngrams, np.log(below)))
    return np.log(unigrams), levels, discounts


def _count(stream: Ints, order: int, vocab_size: int, start_token: int) -> list[_Counts]:
    """The n-grams of every order and their contexts, level by level. All arrays run over the places of the stream."""
    index = np.arange(len(stream))
    opening = np.maximum.accumulate(np.where(stream == start_token, index, 0))
    place = index[1:]
    # How many tokens, the start token included, may be context.
    reach = place - opening[:-1]
    node = np.zeros(len(place), np.int64)
    ngram = np.zeros(len(place), np.int64)
    levels: list[_Counts] = []
    context_keys = np.zeros(1, np.int64)
    for m in range(order):
        if m > 0:
            within = reach >= m
            if not within.all():
                place, reach, node, ngram = place[within], reach[within], node[within], ngram[within]
            context_keys, node = np.unique(node * vocab_size + stream[place - m], return_inverse=True)
        keys, first, entry, raw = np.unique(
            node * vocab_size + stream[place], return_index=True, return_inverse=True, return_counts=True
        )
        levels.append(_Counts(context_keys, len(context_keys), keys, raw, ngram[first]))
        ngram = entry
    return levels


def estimate_discounts(counts_of_counts: Sequence[int]) -> tuple[float, float, float]:
    """Chen and Goodman (1998), equation (26). counts_of_counts: how many n-grams have counts 1, 2, 3, 4.

    Where they allow no estimate (a zero among the first three, or a discount outside what it can be), all three are
    FALLBACK_DISCOUNTS. A discount of 0 counts as outside, for it could leave a token without a probability.
    """
    n1, n2, n3, n4 = counts_of_counts
    if not (n1 and n2 and n3):
        return FALLBACK_DISCOUNTS
    y = n1 / (n1 + 2 * n2)
    one, two, three = 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3
    possible = 0 < one <= 1 and 0 < two <= 2 and 0 < three <= 3
    return (one, two, three) if possible else FALLBACK_DISCOUNTS
