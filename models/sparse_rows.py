"""A wide table that stores only its few entries, as sorted keys: the counts of the families that count.

A table of R rows and C columns holds entries 0 to n-1, sorted by (row, column); the value of an entry is kept beside
it, in arrays of length n. Memory is that of the entries, so a vocabulary of 32,000 costs no 32,000 x 32,000 table.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SparseRows:
    """Which (row, column) pairs have an entry, and where."""

    keys: Ints
    """(n,): row * num_columns + column of each entry, strictly ascending."""
    num_rows: int
    num_columns: int

    @cached_property
    def columns(self) -> Ints:
        """(n,): the column of each entry."""
        return self.keys % self.num_columns

    @cached_property
    def offsets(self) -> Ints:
        """(R + 1,): row r's entries are offsets[r] to offsets[r + 1] - 1."""
        return np.searchsorted(self.keys, np.arange(self.num_rows + 1) * self.num_columns)

    def find(self, rows: Ints, columns: Ints) -> Ints:
        """The entry of each (row, column) pair, -1 where there is none. All (N,)."""
        if not len(self.keys):
            return np.full(len(rows), -1)
        target_keys = rows * self.num_columns + columns
        entries = np.searchsorted(self.keys, target_keys)
        # A key past the last one is sent to the last one, which it can't equal.
        entries = np.minimum(entries, len(self.keys) - 1)
        return np.where(self.keys[entries] == target_keys, entries, -1)

    def entries_of(self, rows: Ints) -> tuple[Ints, Ints]:
        """All entries of the given rows: (index into `rows` of each entry's row, entry), one after the other."""
        begins = self.offsets[rows]
        sizes = self.offsets[rows + 1] - begins
        row_numbers = np.repeat(np.arange(len(rows)), sizes)
        firsts = np.cumsum(sizes) - sizes
        return row_numbers, np.arange(len(row_numbers)) + np.repeat(begins - firsts, sizes)
