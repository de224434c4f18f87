"""The two caches that are views of a storage, small, with one value a token."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from models.hf_parts.left_padded_cache import LeftPaddedCache
from models.transformer_parts.key_value_cache import KeyValueCache


def empty_key_values(num_rows: int = 2, max_length: int = 1_000) -> KeyValueCache:
    return KeyValueCache.empty(1, num_rows, 1, 1, max_length, torch.zeros(1))


def grown_key_values(cache: KeyValueCache, counts: list[int], value: float) -> KeyValueCache:
    """`counts` more tokens in each row, all with this value."""
    more = cache.grow(counts)
    new = torch.full((len(counts), 1, max(counts), 1), value)
    more.write(0, new, -new)
    return more


def contents_of_key_values(cache: KeyValueCache) -> list[list[float]]:
    keys, values = cache.keys_and_values(0)
    assert torch.equal(keys, -values)
    return [row[0, :length, 0].tolist() for row, length in zip(keys, cache.lengths, strict=True)]


def empty_left_padded(num_rows: int = 2) -> LeftPaddedCache:
    """Two layers, whose tensors have heads and widths of their own."""
    return LeftPaddedCache.empty([(1, 1), (1, 1), (2, 3), (2, 2)], num_rows, torch.zeros(1))


def grown_left_padded(cache: LeftPaddedCache, counts: list[int], value: float) -> LeftPaddedCache:
    """`counts` more tokens in each row, all with this value; what doesn't count is -1."""
    more = cache.grow(counts)
    counted = torch.arange(max(counts)) >= max(counts) - torch.tensor(counts)[:, None]
    new = torch.where(counted, value, -1.0)[:, None, :, None]
    more.write(0, new, -new)
    more.write(1, new.expand(-1, 2, -1, 3), -new.expand(-1, 2, -1, 2))
    return more


def contents_of_left_padded(cache: LeftPaddedCache) -> list[list[float]]:
    """Each row's keys in the first layer, with which all other tensors must agree."""
    keys = cache.keys_and_values(0)[0]
    for layer in range(cache.num_layers):
        layer_keys, layer_values = cache.keys_and_values(layer)
        assert torch.equal(layer_keys, keys.expand_as(layer_keys))
        assert torch.equal(layer_values, -keys.expand_as(layer_values))
    assert cache.mask().sum(dim=1).tolist() == list(cache.lengths)
    return [row[held == 1].tolist() for row, held in zip(keys[:, 0, :, 0], cache.mask(), strict=True)]


@dataclass(frozen=True)
class Kind:
    """How a test makes, fills and reads a cache of one kind."""

    empty: Callable[..., Any]
    grown: Callable[[Any, list[int], float], Any]
    contents: Callable[[Any], list[list[float]]]


KINDS = {
    "key_values": Kind(empty_key_values, grown_key_values, contents_of_key_values),
    "left_padded": Kind(empty_left_padded, grown_left_padded, contents_of_left_padded),
}
