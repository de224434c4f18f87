"""A text, sorted by what comes before each position: the counts of contexts of any length, without storing them.

All positions of a text are sorted by their histories, newest token first. So the positions after a context are a run of
rows, and what follows the context is read there; a longer context is a run within a shorter one's. Reading a token
takes a context's run to that of the context with the token at its end, by counting how often the token follows in
earlier rows (the LF mapping of Burrows and Wheeler 1994; Ferragina and Manzini 2000).

A history is a *chain*: the runs of its ends that occur in the text, shortest first, those with the same places counted
once, by the longest. Ends that begin before the last start token are left out: documents are cut.

Shape legend: N tokens of the text, V vocabulary size, C runs of a chain.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from models.ngrams.trie import Indices, Ints

MAX_CHAIN = 48
"""Runs of a chain at most; of more, the shortest ends are kept."""
_MAX_TOKENS = np.iinfo(np.int32).max - 2


@dataclass(frozen=True, eq=False)
class SuffixArray:
    """A sorted text: for each row, in the order of the histories, the token that follows."""

    followers: Indices
    """(N + 1,): in each row the token that follows its history; -1 in that of the whole text."""
    rows_of: Indices
    """(N,): the rows that each token follows, token by token, ascending."""
    offsets: Ints
    """(V + 1,): the rows that token w follows are rows_of[offsets[w] : offsets[w + 1]]."""

    @classmethod
    def of(cls, text: Indices, vocab_size: int) -> SuffixArray:
        """Sort a text (N,)."""
        if len(text) > _MAX_TOKENS:
            raise MemoryError(f"{len(text):,} tokens are more than a suffix array can hold ({_MAX_TOKENS:,}).")
        order = _sort_suffixes(text[::-1])
        # The reversed text's suffix at r is the history of position N - r.
        positions = len(text) - order
        return cls.from_followers(np.append(text, np.int32(-1))[positions], vocab_size)

    @classmethod
    def from_followers(cls, followers: Indices, vocab_size: int) -> SuffixArray:
        """The array from its followers, which are all that is saved."""
        rows_of = np.argsort(followers, kind="stable")[1:].astype(np.int32)
        offsets = np.cumsum(np.bincount(followers + 1, minlength=vocab_size + 1)) - 1
        return cls(followers, rows_of, offsets)

    def is_of_a_text(self) -> bool:
        """Whether the rows are those of a text. Where they are not, `text` would read outside the arrays."""
        num_tokens = len(self.rows_of)
        next_rows = np.zeros(num_tokens + 1, np.int64)  # by the LF mapping
        next_rows[self.rows_of] = np.arange(1, num_tokens + 1)
        return bool(_num_steps(next_rows) == num_tokens)

    def text(self) -> Indices:
        """The text again (N,), by the LF mapping."""
        return _invert(self.followers, self.rows_of, self.offsets)


def _sort_suffixes(text: Indices) -> Ints:
    """(N + 1,): where the suffixes of a text begin, in order, the empty one first (Manber and Myers 1993)."""
    num_tokens = len(text)
    ranks = np.zeros(num_tokens + 1, np.int64)
    ranks[:-1] = np.unique(text, return_inverse=True)[1] + 1
    length = 1
    while True:
        # Ranks by twice the length: those by the length, and of what comes after that.
        following = np.zeros_like(ranks)
        following[: max(0, num_tokens + 1 - length)] = ranks[length:]
        keys = ranks * (num_tokens + 2) + following
        order = np.argsort(keys)
        in_order = keys[order]
        new = np.concatenate([[0], np.cumsum(in_order[1:] != in_order[:-1])])
        ranks[order] = new
        if new[-1] == num_tokens:
            return order
        length *= 2


@numba.njit(cache=True, nogil=True)
def _rank(rows_of: Indices, offsets: Ints, token: int, row: int) -> int:
    """How many rows before `row` this token follows."""
    low, high = offsets[token], offsets[token + 1]
    first = low
    while low < high:
        middle = (low + high) >> 1
        if rows_of[middle] < row:
            low = middle + 1
        else:
            high = middle
    return int(low - first)


@numba.njit(cache=True, nogil=True)
def extend(rows_of: Indices, offsets: Ints, start_token: int, chain: Ints, size: int, token: int) -> int:
    """Read a token: the new chain takes the old one's place; how many runs it has.

    chain: (MAX_CHAIN, 3): first row, the one past the last, and the context's length. Its first run is all rows.
    """
    last = 1 if token == start_token else size
    new_size = 1
    begin, end, length = chain[0, 0], chain[0, 1], chain[0, 2]
    for number in range(last):
        # The next old run is read before the new one takes its place.
        low, high, tokens = begin, end, length
        if number + 1 < last:
            begin, end, length = chain[number + 1, 0], chain[number + 1, 1], chain[number + 1, 2]
        first = 1 + offsets[token] + _rank(rows_of, offsets, token, low)
        past = 1 + offsets[token] + _rank(rows_of, offsets, token, high)
        if first == past:
            break
        if new_size > 1 and chain[new_size - 1, 0] == first and chain[new_size - 1, 1] == past:
            chain[new_size - 1, 2] = tokens + 1
        elif new_size < len(chain):
            chain[new_size, 0], chain[new_size, 1], chain[new_size, 2] = first, past, tokens + 1
            new_size += 1
    return new_size


@numba.njit(cache=True, nogil=True)
def tally_run(followers: Indices, begin: int, end: int, counts: Ints) -> tuple[int, int]:
    """How many tokens follow in a run of rows, how many different ones, and, added to `counts` (V,), how often each."""
    total, types = 0, 0
    for row in range(begin, end):
        token = followers[row]
        if token >= 0:
            total += 1
            types += counts[token] == 0
            counts[token] += 1
    return total, types


@numba.njit(cache=True, nogil=True)
def clear_run(followers: Indices, begin: int, end: int, counts: Ints) -> None:
    """Set the counts that `tally_run` filled in to 0 again."""
    for row in range(begin, end):
        if followers[row] >= 0:
            counts[followers[row]] = 0


@numba.njit(cache=True, nogil=True)
def count_in_run(rows_of: Indices, offsets: Ints, begin: int, end: int, token: int) -> int:
    """How often a token follows in a run of rows."""
    return _rank(rows_of, offsets, token, end) - _rank(rows_of, offsets, token, begin)


@numba.njit(cache=True, nogil=True)
def _num_steps(next_rows: Ints) -> int:
    """How many rows come after row 0. The last one's next row is 0, and no other's."""
    steps = 0
    row = next_rows[0]
    while row != 0:
        row = next_rows[row]
        steps += 1
    return steps


@numba.njit(cache=True, nogil=True)
def _invert(followers: Indices, rows_of: Indices, offsets: Ints) -> Indices:
    text = np.empty(len(rows_of), np.int32)
    row = 0
    for position in range(len(text)):
        token = followers[row]
        text[position] = token
        row = 1 + offsets[token] + _rank(rows_of, offsets, token, row)
    return text
