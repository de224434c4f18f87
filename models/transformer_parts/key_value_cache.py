"""Keys and values of past tokens, as a value that grows without copying.

A cache is a view of a storage (models/window_storage.py): of row b, the first `lengths[b]` places.

Shape legend: L layers, B rows, H heads, S places, T new tokens, E width of a head.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.window_storage import Storage, StoredCache, capacity_for


class KeyValueCache(StoredCache[Tensor]):
    """`grow` makes room for new tokens, `write` fills it layer by layer, `keys_and_values` gives all.

    Stored: (L, 2, B, H, capacity, E), keys and values. Zeros where nothing was written, because masked values must
    be finite.
    """

    def __init__(self, lengths: Sequence[int], storage: Storage[Tensor], max_length: int) -> None:
        super().__init__(lengths, storage)
        self.max_length = max_length
        self._new_counts: tuple[int, ...] = ()

    @classmethod
    def empty(
        cls, num_layers: int, num_rows: int, num_heads: int, head_width: int, max_length: int, like: Tensor
    ) -> Self:
        """A cache of `num_rows` rows of at most `max_length` tokens, none yet; with the dtype and device of `like`."""
        nothing = like.new_zeros(num_layers, 2, num_rows, num_heads, 0, head_width)
        return cls([0] * num_rows, Storage(nothing, 0), max_length)

    def grow(self, counts: Sequence[int]) -> Self:
        """A cache with room for `counts[b]` more tokens in row b, to be written before it is used."""
        lengths = [length + count for length, count in zip(self.lengths, counts, strict=True)]
        storage = self._storage
        if not self._can_grow_in_place(max(lengths)):
            storage = self._copied(max(lengths))
        storage.num_growths += 1
        grown = type(self)(lengths, storage, self.max_length)
        grown._new_counts = tuple(counts)
        return grown

    def write(self, layer: int, keys: Tensor, values: Tensor) -> None:
        """The new tokens' keys and values, (B, H, T, E) each; of row b the first `counts[b]` tokens of `grow` count."""
        begins = [length - count for length, count in zip(self.lengths, self._new_counts, strict=True)]
        into = self._storage.data[layer]
        if len(set(begins)) == 1 and len(set(self._new_counts)) == 1:
            span = slice(begins[0], self.lengths[0])
            into[0, :, :, span] = keys
            into[1, :, :, span] = values
            return
        begin, count = (torch.tensor(numbers, device=keys.device) for numbers in (begins, self._new_counts))
        row, step = torch.nonzero(torch.arange(keys.shape[2], device=keys.device) < count[:, None], as_tuple=True)
        into[0, row, :, begin[row] + step] = keys[row, :, step]
        into[1, row, :, begin[row] + step] = values[row, :, step]

    def keys_and_values(self, layer: int) -> tuple[Tensor, Tensor]:
        """(B, H, S, E) each, S the longest row's length; past a row's own length they are finite but mean nothing."""
        stored = self._storage.data[layer, :, :, :, : max(self.lengths, default=0)]
        return stored[0], stored[1]

    def places(self) -> NDArray[np.float32]:
        """All that is stored, as an array in the storage's shape, to be written into as `write` does."""
        stored: NDArray[np.float32] = self._storage.data.numpy()
        return stored

    def select(self, rows: Sequence[int]) -> Self:
        lengths = [self.lengths[row] for row in rows]
        storage = self._copied(max(lengths, default=0), torch.tensor(rows, dtype=torch.int64))
        return type(self)(lengths, storage, self.max_length)

    def shortened(self, lengths: Sequence[int]) -> Self:
        shorter = type(self)(lengths, self._storage, self.max_length)
        shorter._never_grow_in_place()
        return shorter

    def replace(self, rows: Sequence[int], other: Self) -> Self:
        lengths = list(self.lengths)
        for row, length in zip(rows, other.lengths, strict=True):
            lengths[row] = length
        storage = self._copied(max(*self.lengths, *other.lengths))
        longest = max(other.lengths)
        index = torch.tensor(rows, device=storage.data.device)
        storage.data[:, :, index, :, :longest] = other._storage.data[..., :longest, :]
        return type(self)(lengths, storage, self.max_length)

    def _copied(self, num_places: int, rows: Tensor | None = None) -> Storage[Tensor]:
        """A new storage with the first `num_places` of what this one holds (of these rows), and room for twice
        as many."""
        old = self._storage.data[..., : min(max(self.lengths, default=0), num_places), :]
        if rows is not None:
            old = old[:, :, rows.to(old.device)]
        capacity = min(self.max_length, capacity_for(num_places))
        copied = old.new_zeros(*old.shape[:4], capacity, old.shape[5])
        copied[..., : old.shape[4], :] = old
        return Storage(copied, capacity)
