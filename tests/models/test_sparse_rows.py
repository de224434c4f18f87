"""A wide table of which few entries are stored, against the table written out."""

from __future__ import annotations

import numpy as np
import pytest

from models.sparse_rows import SparseRows


def tables(seed: int, share: float) -> tuple[np.ndarray, SparseRows]:
    """A table of which numbered places are filled, and the same one stored."""
    filled = np.random.default_rng(seed).random((5, 8)) < share
    return filled, SparseRows(np.flatnonzero(filled), *filled.shape)


@pytest.mark.parametrize("share", [0.0, 0.2, 0.7, 1.0])
def test_every_place_is_found_or_missing_as_in_the_whole_table(share: float) -> None:
    filled, sparse = tables(0, share)
    rows, columns = np.indices(filled.shape).reshape(2, -1)
    numbers = np.where(filled, np.cumsum(filled.ravel()).reshape(filled.shape) - 1, -1)
    assert sparse.find(rows, columns).tolist() == numbers.ravel().tolist()


@pytest.mark.parametrize("share", [0.0, 0.2, 0.7])
def test_the_entries_of_rows_come_row_after_row_repeated_rows_again(share: float) -> None:
    filled, sparse = tables(1, share)
    rows = np.array([3, 0, 3, 4])
    numbers, entries = sparse.entries_of(rows)
    expected = [(number, column) for number, row in enumerate(rows) for column in np.flatnonzero(filled[row])]
    assert list(zip(numbers.tolist(), sparse.columns[entries].tolist(), strict=True)) == expected


def test_offsets_say_where_each_row_begins() -> None:
    sparse = SparseRows(np.array([1, 2, 10]), num_rows=4, num_columns=4)
    assert sparse.offsets.tolist() == [0, 2, 2, 3, 3]
    assert sparse.columns.tolist() == [1, 2, 2]
