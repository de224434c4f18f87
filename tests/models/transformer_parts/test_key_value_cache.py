from __future__ import annotations

import torch
from torch import Tensor

from models.transformer_parts.key_value_cache import KeyValueCache


def empty(num_rows: int = 2, max_length: int = 100) -> KeyValueCache:
    return KeyValueCache.empty(1, num_rows, 1, 1, max_length, torch.zeros(1))


def grown(cache: KeyValueCache, counts: list[int], value: float) -> KeyValueCache:
    """`counts` more tokens in each row, all with this value."""
    more = cache.grow(counts)
    new = torch.full((len(counts), 1, max(counts), 1), value)
    more.write(0, new, -new)
    return more


def contents(cache: KeyValueCache) -> list[list[float]]:
    keys, values = cache.keys_and_values(0)
    assert torch.equal(keys, -values)
    return [row[0, :length, 0].tolist() for row, length in zip(keys, cache.lengths, strict=True)]


def storage(cache: KeyValueCache) -> int:
    return cache.keys_and_values(0)[0].untyped_storage().data_ptr()


def test_growing_the_newest_copies_nothing() -> None:
    cache = grown(empty(), [1, 1], 1.0)
    newer = grown(grown(cache, [1, 1], 2.0), [3, 3], 3.0)
    assert storage(newer) == storage(cache)
    assert contents(newer) == [[1.0, 2.0, 3.0, 3.0, 3.0]] * 2
    assert contents(cache) == [[1.0]] * 2


def test_two_children_of_one_cache_do_not_disturb_each_other() -> None:
    parent = grown(empty(), [2, 2], 1.0)
    one, two = grown(parent, [1, 1], 2.0), grown(parent, [1, 1], 3.0)
    one, two = grown(one, [1, 1], 4.0), grown(two, [1, 1], 5.0)
    assert contents(one) == [[1.0, 1.0, 2.0, 4.0]] * 2
    assert contents(two) == [[1.0, 1.0, 3.0, 5.0]] * 2
    assert contents(parent) == [[1.0, 1.0]] * 2


def test_rows_grow_by_counts_of_their_own() -> None:
    cache = grown(empty(3), [2, 0, 1], 1.0)
    cache = grown(cache, [1, 3, 0], 2.0)
    assert cache.lengths == (3, 3, 1)
    assert contents(cache) == [[1.0, 1.0, 2.0], [2.0, 2.0, 2.0], [1.0]]


def test_select_and_replace_give_values_of_their_own() -> None:
    cache = grown(grown(empty(3), [2, 0, 1], 1.0), [1, 3, 0], 2.0)
    chosen = cache.select([2, 0, 2])
    assert contents(chosen) == [[1.0], [1.0, 1.0, 2.0], [1.0]]
    other = grown(empty(2), [1, 4], 7.0)
    replaced = grown(cache.replace([0, 2], other), [1, 1, 1], 8.0)
    assert contents(replaced) == [[7.0, 8.0], [2.0, 2.0, 2.0, 8.0], [7.0, 7.0, 7.0, 7.0, 8.0]]
    assert contents(grown(chosen, [1, 0, 2], 9.0)) == [[1.0, 9.0], [1.0, 1.0, 2.0], [1.0, 9.0, 9.0]]
    assert contents(cache) == [[1.0, 1.0, 2.0], [2.0, 2.0, 2.0], [1.0]]


def test_copies_are_as_rare_as_doublings() -> None:
    cache, copies = grown(empty(max_length=1_000), [1, 1], 0.0), 0
    before = storage(cache)
    for place in range(1, 1_000):
        cache = grown(cache, [1, 1], float(place))
        copies += storage(cache) != before
        before = storage(cache)
    assert copies <= 5
    assert contents(cache) == [[float(place) for place in range(1_000)]] * 2


def test_what_was_never_written_is_finite() -> None:
    cache = grown(empty(2), [0, 5], 1.0)
    keys: Tensor = cache.keys_and_values(0)[0]
    assert keys.isfinite().all()


def test_a_row_far_shorter_than_the_longest_can_be_selected_alone() -> None:
    cache = grown(empty(), [3, 60], 1.0)
    assert contents(cache.select([0])) == [[1.0] * 3]
    assert contents(cache.select([0, 0])) == [[1.0] * 3] * 2
    assert contents(cache.select([])) == []
    assert contents(grown(cache.select([0]), [2], 2.0)) == [[1.0, 1.0, 1.0, 2.0, 2.0]]
