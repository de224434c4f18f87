"""A back-off model: the probabilities of n-grams and the weights of contexts, and how text is scored with them.

Shape legend: B rows, T tokens, N contexts, V vocabulary size, X nodes, I inner nodes.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from models.ngrams.trie import ROOT, Floats, Indices, Ints, Trie, find_child, step, to_context

# Tokens that a thread scores at a time.
_PIECE = 1 << 16
NOTHING = 1e-12
"""A remainder of a distribution below this is treated as a rounding error."""


@dataclass(frozen=True, eq=False)
class BackoffModel:
    """What an ARPA file holds. The form is explained in models/ngrams/smoothing.py."""

    trie: Trie
    logprobs: Floats
    """(X,): natural logarithm of each n-gram's probability; the root's place holds that of the uniform distribution."""
    log_backoffs: Floats
    """(I,): natural logarithm of each context's back-off weight; 0 where it has no children."""

    @property
    def num_params(self) -> int:
        """Stored numbers that score text: the log-probability of each n-gram, and the back-off weight of each context.

        Letter frequencies over V letters have V. Letter pairs as a full table would have V * V; here only the pairs
        that were seen are stored, and a weight for each letter that was followed by one.
        """
        return self.trie.num_nodes - 1 + self.trie.num_contexts

    def context_after(self, context: int, token: int) -> int:
        """The context after one more token."""
        trie = self.trie
        return int(step(trie.tokens, trie.first_child, trie.suffix, context, token))

    def backed_off(self, context: int, token: int) -> tuple[list[int], int]:
        """The contexts in which a token is looked for, from the longest on, and its n-gram in the last of them."""
        trie, contexts = self.trie, [context]
        while (child := find_child(trie.tokens, trie.first_child, contexts[-1], token)) < 0:
            contexts.append(int(trie.suffix[contexts[-1]]))
        return contexts, int(child)

    def contexts_after(self, contexts: Ints, tokens: Ints) -> Ints:
        """The context after each token of each row. contexts: (B,); tokens: (B, T). Returns (B, T)."""
        trie = self.trie
        return _contexts_after(trie.tokens, trie.first_child, trie.suffix, contexts, tokens)

    def score(self, contexts: Ints, tokens: Ints, lengths: Ints, num_threads: int = 1) -> NDArray[np.float32]:
        """The log-probability of each token of each row: contexts (B,), tokens (B, T), lengths (B,) to (B, T).

        Past a row's length there are zeros. Long rows are cut in pieces, which several threads score side by side.
        """
        trie = self.trie
        scores = np.zeros(tokens.shape, np.float32)

        def score_piece(piece: tuple[int, int, int]) -> None:
            row, begin, end = piece
            _score(
                trie.tokens, trie.first_child, trie.suffix, self.logprobs, self.log_backoffs, trie.order - 1,
                contexts[row], tokens[row], begin, end, scores[row],
            )  # fmt: skip

        pieces = [
            (row, begin, min(begin + _PIECE, length))
            for row, length in enumerate(lengths.tolist())
            for begin in range(0, length, _PIECE)
        ]
        if num_threads > 1 and int(lengths.sum()) > _PIECE:
            with ThreadPoolExecutor(num_threads) as pool:
                list(pool.map(score_piece, pieces))
        else:
            for piece in pieces:
                score_piece(piece)
        return scores

    def distributions(self, contexts: Ints, dtype: type[np.floating] = np.float32) -> NDArray[np.floating]:
        """What comes after each context (N,): log-probabilities (N, V)."""
        trie = self.trie
        logprobs = np.empty((len(contexts), trie.vocab_size), dtype)
        _distributions(
            trie.tokens, trie.first_child, trie.suffix, self.logprobs, self.log_backoffs, trie.order, contexts, logprobs
        )
        return logprobs


@numba.njit(cache=True, nogil=True)
def logprob_after(
    tokens: Indices,
    first_child: Indices,
    suffix: Indices,
    logprobs: Floats,
    log_backoffs: Floats,
    context: int,
    token: int,
) -> float:
    """The log-probability of a token after a context."""
    passed_down = 0.0
    child = find_child(tokens, first_child, context, token)
    while child < 0:
        passed_down += log_backoffs[context]
        context = suffix[context]
        child = find_child(tokens, first_child, context, token)
    return float(passed_down + logprobs[child])


@numba.njit(cache=True, nogil=True)
def _contexts_after(tokens: Indices, first_child: Indices, suffix: Indices, contexts: Ints, text: Ints) -> Ints:
    after = np.empty(text.shape, np.int64)
    for row in range(len(text)):
        context = contexts[row]
        for position in range(text.shape[1]):
            context = step(tokens, first_child, suffix, context, text[row, position])
            after[row, position] = context
    return after


@numba.njit(cache=True, nogil=True)
def _score(
    tokens: Indices,
    first_child: Indices,
    suffix: Indices,
    logprobs: Floats,
    log_backoffs: Floats,
    longest_context: int,
    context: int,
    text: Ints,
    begin: int,
    end: int,
    scores: NDArray[np.float32],
) -> None:
    """Score the tokens `begin` to `end` - 1 of a text that is read from a context."""
    warm_up = begin - longest_context
    if warm_up > 0:
        # No more of the past than this can matter.
        context = ROOT
    for position in range(max(0, warm_up), begin):
        context = step(tokens, first_child, suffix, context, text[position])
    for position in range(begin, end):
        passed_down = 0.0
        child = find_child(tokens, first_child, context, text[position])
        while child < 0:
            passed_down += log_backoffs[context]
            context = suffix[context]
            child = find_child(tokens, first_child, context, text[position])
        scores[position] = passed_down + logprobs[child]
        context = to_context(first_child, suffix, child)


@numba.njit(cache=True, nogil=True)
def _distributions(
    tokens: Indices,
    first_child: Indices,
    suffix: Indices,
    logprobs: Floats,
    log_backoffs: Floats,
    num_levels: int,
    contexts: Ints,
    out: NDArray[np.floating],
) -> None:
    """Fill in `out` (N, V), from the root's children, which are all tokens, to the longest context's."""
    chain, shares = np.empty(num_levels, np.int64), np.empty(num_levels)
    for row in range(len(contexts)):
        # The contexts down to the root, longest first, and what the longer ones pass down to each.
        depth, passed_down, context = 0, 0.0, contexts[row]
        while context != ROOT:
            chain[depth], shares[depth] = context, passed_down
            passed_down += log_backoffs[context]
            context = suffix[context]
            depth += 1
        chain[depth], shares[depth] = ROOT, passed_down
        for number in range(depth, -1, -1):
            context = chain[number]
            for child in range(first_child[context], first_child[context + 1]):
                out[row, tokens[child]] = logprobs[child] + shares[number]
