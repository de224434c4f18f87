"""Storages for caches: the values of the tokens in a window, which grow without copying.

A cache is a view of a storage, up to its own end. Places are only ever written beyond what any cache holds: the newest
cache of a storage grows in place, and any other is copied first. So an old cache can be kept, and read from again,
while text is generated from a newer one at no cost in copies. A full storage doubles.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from models.windowed import WindowCache

_SMALLEST_CAPACITY = 32

Data = TypeVar("Data")
"""One tensor or several, with places in one of their dimensions."""


class Storage(Generic[Data]):
    """Tensors with room for `capacity` places."""

    def __init__(self, data: Data, capacity: int) -> None:
        self.data = data
        self.capacity = capacity
        self.num_growths = 0
        """How often a cache has grown in place."""


class StoredCache(WindowCache, Generic[Data]):
    """A cache that is a view of a storage."""

    def __init__(self, lengths: Sequence[int], storage: Storage[Data]) -> None:
        self.lengths = tuple(lengths)
        self._storage = storage
        self._num_growths = storage.num_growths

    def _can_grow_in_place(self, end: int) -> bool:
        """Whether this is the newest cache of its storage, and the storage has `end` places."""
        return self._num_growths == self._storage.num_growths and end <= self._storage.capacity

    def _never_grow_in_place(self) -> None:
        """Another cache may hold the places after this one's end."""
        self._num_growths = -1


def capacity_for(num_places: int) -> int:
    """Room for twice as many places."""
    return max(2 * num_places, _SMALLEST_CAPACITY)
