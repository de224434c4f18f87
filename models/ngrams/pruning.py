"""Leaving n-grams out: by how rare they are, by how little they change the model, or down to a number of parameters.

Pruning by entropy is Stolcke's (1998), "Entropy-based pruning of backoff language models". Leaving out the n-gram cw,
so that w after c has backoff(c) p(w | c') with the weight of c recomputed, raises the model's cross-entropy by

    p(c) ( p(w|c) (log p(w|c) - log p(w|c') - log backoff'(c)) - left(c) (log backoff'(c) - log backoff(c)) )

where left(c) is what c passes on. Two differences. p(c) is how often the context occurs, by the raw counts: the product
of the model's own probabilities, as in the paper, is far off under Kneser-Ney smoothing, whose lower orders aren't
frequencies (Chelba, Brants, Neveitt and Xu 2010). And an n-gram stays as long as longer ones that begin with it do, so
that every context is an n-gram, as an ARPA file requires.

Shape legend: X nodes of the trie, I inner nodes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numba
import numpy as np

from models.checks import Impossible
from models.ngrams.backoff import NOTHING, BackoffModel, logprob_after
from models.ngrams.counting import Counts
from models.ngrams.trie import Bools, Floats, Indices


def cut_off(counted: Counts, cutoffs: Sequence[int]) -> Bools | None:
    """(X,): which n-grams occur more often than the cut-off of their length says; None where all are kept.

    cutoffs: by length from 1 up, the last one for all longer n-grams; 0 for single tokens, which all stay.
    """
    if not any(cutoffs):
        return None
    trie = counted.trie
    kept = np.ones(trie.num_nodes, np.bool_)
    for m in range(2, trie.order + 1):
        kept[trie.level(m)] = counted.counts[trie.level(m)] > cutoffs[min(m, len(cutoffs)) - 1]
    return kept


def prune(
    model: BackoffModel, context_shares: Floats, threshold: float = 0.0, num_params: int | None = None
) -> BackoffModel:
    """The model without the n-grams that raise its perplexity by less than a share `threshold` each, and without as
    many more, those that matter least, as `num_params` asks for.

    context_shares: (I,), how often each context occurs, as a share of all places of the text. Raises Impossible where
    single tokens alone have more parameters.
    """
    if not threshold and (num_params is None or model.num_params <= num_params):
        return model
    first_child, vocab_size = model.trie.first_child, model.trie.vocab_size
    rises = entropy_rises(model, context_shares)
    least = np.log1p(threshold)
    if num_params is not None and _num_params(first_child, _kept(first_child, rises, least)) > num_params:
        if vocab_size > num_params:
            raise Impossible(
                f"budget.num_params={num_params:,} is too small for model=ngram: the vocabulary's {vocab_size:,} "
                "tokens alone have as many parameters. Allow at least that many, or pick a smaller vocabulary."
            )
        # Keeping what is above the highest rise keeps single tokens alone; of those that fit, the lowest keeps most.
        steps = np.nextafter(np.unique(rises[np.isfinite(rises)]), np.inf)
        low, high = 0, len(steps) - 1
        while low < high:
            middle = (low + high) // 2
            if _num_params(first_child, _kept(first_child, rises, steps[middle])) <= num_params:
                high = middle
            else:
                low = middle + 1
        least = steps[low]
    return _without(model, _kept(first_child, rises, least))


def entropy_rises(model: BackoffModel, context_shares: Floats) -> Floats:
    """(X,): by how many nats a token leaving out each n-gram would raise the cross-entropy; infinite for single tokens.

    context_shares: as in `prune`.
    """
    trie = model.trie
    rises = np.full(trie.num_nodes, np.inf)
    _entropy_rises(
        trie.tokens, trie.first_child, trie.suffix, model.logprobs, model.log_backoffs, context_shares, rises
    )
    return rises


def _without(model: BackoffModel, kept: Bools) -> BackoffModel:
    """The model with these nodes only; each context's back-off weight is recomputed."""
    trie, nodes = model.trie.keep(kept)
    logprobs, log_backoffs = model.logprobs[nodes], np.zeros(trie.num_inner)
    _renew_backoffs(trie.tokens, trie.first_child, trie.suffix, logprobs, log_backoffs)
    return BackoffModel(trie, logprobs, log_backoffs)


@numba.njit(cache=True, nogil=True)
def _entropy_rises(
    tokens: Indices,
    first_child: Indices,
    suffix: Indices,
    logprobs: Floats,
    log_backoffs: Floats,
    context_shares: Floats,
    rises: Floats,
) -> None:
    for context in range(1, len(first_child) - 1):
        first, last = first_child[context], first_child[context + 1]
        mass, lower_mass = 0.0, 0.0
        lower = np.empty(last - first)
        for child in range(first, last):
            lower[child - first] = logprob_after(
                tokens, first_child, suffix, logprobs, log_backoffs, suffix[context], tokens[child]
            )
            mass += np.exp(logprobs[child])
            lower_mass += np.exp(lower[child - first])
        left, room = max(1 - mass, 0.0), max(1 - lower_mass, 0.0)
        for child in range(first, last):
            logprob, shorter = logprobs[child], lower[child - first]
            backoff = np.log((left + np.exp(logprob)) / (room + np.exp(shorter)))
            rise = np.exp(logprob) * (logprob - shorter - backoff)
            if left > NOTHING:
                rise -= left * (backoff - log_backoffs[context])
            rises[child] = context_shares[context] * rise


@numba.njit(cache=True, nogil=True)
def _kept(first_child: Indices, rises: Floats, threshold: float) -> Bools:
    """(X,): the n-grams that raise the cross-entropy by at least `threshold`, and all that begin these."""
    kept = rises >= threshold
    for context in range(len(first_child) - 2, -1, -1):
        for child in range(first_child[context], first_child[context + 1]):
            if kept[child]:
                kept[context] = True
    return kept


@numba.njit(cache=True, nogil=True)
def _num_params(first_child: Indices, kept: Bools) -> int:
    """`BackoffModel.num_params` of what is kept."""
    number = int(np.count_nonzero(kept)) - 1
    for context in range(1, len(first_child) - 1):
        for child in range(first_child[context], first_child[context + 1]):
            if kept[child]:
                number += 1
                break
    return number


@numba.njit(cache=True, nogil=True)
def _renew_backoffs(
    tokens: Indices, first_child: Indices, suffix: Indices, logprobs: Floats, log_backoffs: Floats
) -> None:
    """Fill in the back-off weights that make each context's probabilities sum to one, from the shortest up."""
    for context in range(1, len(first_child) - 1):
        first, last = first_child[context], first_child[context + 1]
        mass, lower_mass = 0.0, 0.0
        for child in range(first, last):
            mass += np.exp(logprobs[child])
            lower_mass += np.exp(
                logprob_after(tokens, first_child, suffix, logprobs, log_backoffs, suffix[context], tokens[child])
            )
        if first < last and 1 - mass > NOTHING and 1 - lower_mass > NOTHING:
            log_backoffs[context] = np.log((1 - mass) / (1 - lower_mass))
