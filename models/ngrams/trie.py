"""All n-grams of a model as a trie, oldest token first, with a link from each n-gram to the one without its oldest
token.

    nodes, level by level:      root | a  b  S | aa ab ba Sa bS | aab Saa ...
                                  0  | 1  2  3 |  4  5  6 ...
    children of `ab`:  the n-grams `ab?`, a contiguous run of nodes, by their last token
    suffix of `ab`:    `b`

The children of a context are the tokens seen after it; the suffix is the context to back off to. So the trie is also an
automaton (Aho and Corasick 1975): a text that was read is one node, the longest of its ends that is a context, and
reading a token is one search among that node's children, or after some steps along the suffixes. That node is all that
matters of the past. Level 1 holds the whole vocabulary, so the node of token w is w + 1.

Every function here that loops is compiled (numba). The names of shapes: B rows, T tokens, V vocabulary size, X nodes,
I inner nodes (all but the last level's).
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numba
import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int32]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

ROOT = 0
MAX_NODES = np.iinfo(np.int32).max


@dataclass(frozen=True, eq=False)
class Trie:
    """The n-grams of every order, up to `order` tokens."""

    tokens: Indices
    """(X,): the last token of each n-gram; -1 for the root."""
    first_child: Indices
    """(I + 1,): the children of node x are first_child[x] to first_child[x + 1] - 1."""
    suffix: Indices
    """(X,): the node without the oldest token (or, where it isn't there, more of them); the root for single tokens."""
    level_begins: tuple[int, ...]
    """(order + 2,): the n-grams of m tokens are the nodes level_begins[m] to level_begins[m + 1] - 1."""

    @property
    def order(self) -> int:
        return len(self.level_begins) - 2

    @property
    def vocab_size(self) -> int:
        return self.level_begins[2] - 1

    @property
    def num_nodes(self) -> int:
        return self.level_begins[-1]

    @property
    def num_inner(self) -> int:
        """Nodes of all levels but the last: those that can be contexts."""
        return self.level_begins[-2]

    @property
    def num_contexts(self) -> int:
        """Nodes that have children, the root left out."""
        return int(np.count_nonzero(np.diff(self.first_child)[1:]))

    def length(self, node: int) -> int:
        """The tokens of a node's n-gram; 0 for the root."""
        return bisect.bisect_right(self.level_begins, node) - 1

    def level(self, m: int) -> slice:
        """The nodes of the n-grams of m tokens."""
        return slice(self.level_begins[m], self.level_begins[m + 1])

    def keep(self, kept: Bools) -> tuple[Trie, Ints]:
        """The trie without some nodes, and the nodes (X',) of this one that it keeps, in order.

        kept: (X,). The root and level 1 must be kept, and with a node its context.
        """
        nodes = np.flatnonzero(kept)
        # (X + 1,): how many kept nodes come before each node
        before = np.concatenate([[0], np.cumsum(kept)])
        inner = nodes[nodes < self.num_inner]
        # A node's first kept child is the first kept node from its first child on.
        first_child = before[np.append(self.first_child[inner], self.num_nodes)]
        return Trie.of(self.tokens[nodes], first_child, before[np.array(self.level_begins)]), nodes

    @classmethod
    def of(cls, tokens: Indices, first_child: Ints | Indices, level_begins: Sequence[int] | Ints) -> Self:
        """A trie from all but its suffixes. With an n-gram its context must be there, and level 1 holds every token.

        Where the n-gram without the oldest token isn't there, the next shorter end of it is the suffix.
        """
        begins = tuple(int(begin) for begin in level_begins)
        if begins[-1] > MAX_NODES:
            raise MemoryError(
                f"{begins[-1]:,} n-grams are more than the {MAX_NODES:,} that a model can hold. Lower model.order or "
                "raise model.cutoffs."
            )
        first_child = first_child.astype(np.int32, copy=False)
        suffix = np.zeros(len(tokens), np.int32)
        _link(tokens, first_child, suffix, begins[1], begins[-2])
        return cls(tokens, first_child, suffix, begins)


@numba.njit(cache=True, nogil=True)
def find_child(tokens: Indices, first_child: Indices, node: int, token: int) -> int:
    """The child of a context that ends in this token; -1 where there is none. A binary search."""
    if node == ROOT:
        return token + 1
    low, high = first_child[node], first_child[node + 1]
    end = high
    while low < high:
        middle = (low + high) >> 1
        if tokens[middle] < token:
            low = middle + 1
        else:
            high = middle
    return low if low < end and tokens[low] == token else -1


@numba.njit(cache=True, nogil=True)
def to_context(first_child: Indices, suffix: Indices, node: int) -> int:
    """The longest end of an n-gram that has children: what a model that has just read it remembers."""
    num_inner = len(first_child) - 1
    while node != ROOT and (node >= num_inner or first_child[node] == first_child[node + 1]):
        node = suffix[node]
    return node


@numba.njit(cache=True, nogil=True)
def step(tokens: Indices, first_child: Indices, suffix: Indices, context: int, token: int) -> int:
    """The context after one more token."""
    child = find_child(tokens, first_child, context, token)
    while child < 0:
        context = suffix[context]
        child = find_child(tokens, first_child, context, token)
    return to_context(first_child, suffix, child)


@numba.njit(cache=True, nogil=True)
def _link(tokens: Indices, first_child: Indices, suffix: Indices, first: int, end: int) -> None:
    """Fill in the suffixes of the children of the nodes `first` to `end` - 1."""
    for node in range(first, end):
        for child in range(first_child[node], first_child[node + 1]):
            shorter = suffix[node]
            target = find_child(tokens, first_child, shorter, tokens[child])
            while target < 0:
                shorter = suffix[shorter]
                target = find_child(tokens, first_child, shorter, tokens[child])
            suffix[child] = target
