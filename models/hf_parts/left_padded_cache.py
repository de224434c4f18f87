"""Keys and values of past tokens for models of the transformers library: all rows end at the same place.

    row 0   . . . a b c      3 tokens; "." means nothing
    row 1   d e f g h i      6 tokens

That is how transformers lays out rows of several lengths ("left padding"), so a model's use of places (causal, sliding
and local masks, positions as distances) works here too. A cache is a view of a storage that has
room at its end (models/window_storage.py). Where rows get different numbers of tokens, they are moved so as to end
together again, in a new storage.

Shape legend: B rows, H heads, S places (as many as the longest row has tokens), T new tokens, E width of a head. H and
E may differ from tensor to tensor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Self

import torch
from torch import Tensor

from models.window_storage import Storage, StoredCache, capacity_for

Tensors = tuple[Tensor, ...]


class LeftPaddedCache(StoredCache[Tensors]):
    """`grow` makes room for new tokens, `write` fills it layer by layer, `keys_and_values` gives all.

    Stored: (B, H, capacity, E) each, the keys and the values of every layer in turn. Up to where the rows end, places
    without a token hold finite values.
    """

    def __init__(
        self, lengths: Sequence[int], storage: Storage[Tensors], end: int, new_counts: Sequence[int] = ()
    ) -> None:
        """end: the place in the storage where all rows end. new_counts: how many tokens of each row are still to be
        written.
        """
        super().__init__(lengths, storage)
        self.num_places = max(self.lengths, default=0)
        self._end = end
        self._new_counts = tuple(new_counts)

    @classmethod
    def empty(cls, shapes: Sequence[tuple[int, int]], num_rows: int, like: Tensor) -> Self:
        """A cache of rows of no tokens yet, with the dtype and device of `like`. shapes: (H, E) of the keys and the
        values of every layer in turn.
        """
        nothing = tuple(like.new_zeros(num_rows, heads, 0, width) for heads, width in shapes)
        return cls([0] * num_rows, Storage(nothing, 0), 0)

    @property
    def num_layers(self) -> int:
        return len(self._storage.data) // 2

    @property
    def num_places_before(self) -> int:
        """How many of the places lie before those of the tokens that are read now."""
        return self.num_places - max(self._new_counts, default=0)

    def grow(self, counts: Sequence[int]) -> Self:
        """A cache with room for `counts[b]` more tokens in row b, to be written before it is used."""
        lengths = [length + count for length, count in zip(self.lengths, counts, strict=True)]
        longest, end = max(lengths), self._end + counts[0]
        storage = self._storage
        if len(set(counts)) > 1:
            storage, end = self._moved(counts, longest), longest
        elif not self._can_grow_in_place(end):
            storage, end = self._copied(longest, num_new=counts[0]), longest
        storage.num_growths += 1
        return type(self)(lengths, storage, end, counts)

    def write(self, layer: int, keys: Tensor, values: Tensor) -> None:
        """The new tokens' keys and values, (B, H, T, E) each; of row b the last `counts[b]` of `grow` count."""
        for new, data in zip((keys, values), self._storage.data[2 * layer : 2 * layer + 2], strict=True):
            into = data[:, :, self._end - new.shape[2] : self._end]
            if len(set(self._new_counts)) > 1:
                new = torch.where(self._is_new()[:, None, :, None], new, into)
            into.copy_(new)

    def keys_and_values(self, layer: int) -> tuple[Tensor, Tensor]:
        """(B, H, S, E) each; places that hold no token (see `mask`) are finite but mean nothing."""
        span = slice(self._end - self.num_places, self._end)
        keys, values = self._storage.data[2 * layer : 2 * layer + 2]
        return keys[:, :, span], values[:, :, span]

    def _is_new(self) -> Tensor:
        """(B, T): which of the tokens that are read now count."""
        counts = torch.tensor(self._new_counts)[:, None]
        longest = max(self._new_counts)
        return (torch.arange(longest) >= longest - counts).to(self._storage.data[0].device)

    def mask(self) -> Tensor:
        """(B, S) int64: 1 where a place holds a token."""
        is_token = torch.arange(self.num_places) >= self.num_places - torch.tensor(self.lengths)[:, None]
        return is_token.to(self._storage.data[0].device, torch.int64)

    def positions(self) -> Tensor:
        """(B, T) int64: how many tokens come before each new token; 0 where a new token doesn't count."""
        longest = max(self._new_counts)
        positions = torch.tensor(self.lengths)[:, None] - longest + torch.arange(longest)
        return positions.clamp(min=0).to(self._storage.data[0].device)

    def select(self, rows: Sequence[int]) -> Self:
        lengths = [self.lengths[row] for row in rows]
        longest = max(lengths, default=0)
        return type(self)(lengths, self._copied(longest, rows), longest)

    def shortened(self, lengths: Sequence[int]) -> Self:
        dropped = [old - new for old, new in zip(self.lengths, lengths, strict=True)]
        if len(set(dropped)) > 1:
            longest = max(lengths)
            return type(self)(lengths, self._moved([-count for count in dropped], longest), longest)
        shorter = type(self)(lengths, self._storage, self._end - dropped[0])
        shorter._never_grow_in_place()
        return shorter

    def replace(self, rows: Sequence[int], other: Self) -> Self:
        lengths = list(self.lengths)
        for row, length in zip(rows, other.lengths, strict=True):
            lengths[row] = length
        longest = max(lengths)
        storage = self._copied(longest)
        for data, other_data in zip(storage.data, other._storage.data, strict=True):
            index = torch.tensor(rows, device=data.device)
            tokens = other_data[:, :, other._end - other.num_places : other._end]
            data[index, :, longest - other.num_places : longest] = tokens
        return type(self)(lengths, storage, longest)

    def _copied(self, num_places: int, rows: Sequence[int] | None = None, num_new: int = 0) -> Storage[Tensors]:
        """A new storage of `num_places` places that ends as this cache does (of these rows), followed by
        `num_new` more places.
        """
        num_old = num_places - num_new
        num_rows = len(self.lengths) if rows is None else len(rows)
        pick: slice | Tensor = slice(None)
        if rows is not None:
            # copies of one row are written from where it is; others are picked first
            alike = len(set(rows)) == 1
            pick = slice(rows[0], rows[0] + 1) if alike else torch.tensor(rows, dtype=torch.int64)

        def copied(data: Tensor) -> Tensor:
            old = data[pick, :, max(0, self._end - num_old) : self._end]
            new = _room(old, num_places, num_rows)
            new[:, :, : num_old - old.shape[2]] = 0
            new[:, :, num_old - old.shape[2] : num_old] = old
            return new

        return self._each(copied)

    def _moved(self, distances: Sequence[int], num_places: int) -> Storage[Tensors]:
        """A new storage of `num_places` places, where row b ends `distances[b]` places before the others' end;
        below 0: its last tokens are beyond it.
        """
        if not self.num_places:
            return self._each(lambda data: _room(data, num_places, len(data)).zero_())
        places = torch.arange(num_places) - num_places + self.num_places + torch.tensor(distances)[:, None]  # (B, S)
        places = places.clamp(0, self.num_places - 1) + self._end - self.num_places

        def moved(data: Tensor) -> Tensor:
            num_rows, num_heads, _, width = data.shape
            source = places.to(data.device)[:, None, :, None].expand(num_rows, num_heads, num_places, width)
            new = _room(data, num_places, num_rows)
            torch.gather(data, 2, source, out=new[:, :, :num_places])
            return new

        return self._each(moved)

    def _each(self, change: Callable[[Tensor], Tensor]) -> Storage[Tensors]:
        changed = tuple(change(data) for data in self._storage.data)
        return Storage(changed, changed[0].shape[2])


def _room(like: Tensor, num_places: int, num_rows: int) -> Tensor:
    """(B, H, capacity, E) with room for twice `num_places`; not even finite before it is written."""
    _, num_heads, _, width = like.shape
    return like.new_empty(num_rows, num_heads, capacity_for(num_places), width)


def rolled(values: Tensor, by: Sequence[int]) -> Tensor:
    """values (B, T, ...), row b moved `by[b]` places to the right; what leaves on the right comes back on the left."""
    if not any(by):
        return values
    num_rows, num_tokens = values.shape[:2]
    columns = torch.arange(num_tokens) - torch.tensor(by)[:, None]
    row = torch.arange(num_rows)[:, None]
    return values[row.to(values.device), columns.remainder(num_tokens).to(values.device)]
