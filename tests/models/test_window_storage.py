"""Properties of every cache that is a view of a storage."""

from __future__ import annotations

from typing import Any

import pytest

from models.window_storage import capacity_for
from tests.models.stored_caches import KINDS, Kind


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


def storage(cache: Any) -> int:
    return cache.keys_and_values(0)[0].untyped_storage().data_ptr()


def test_there_is_room_for_twice_as_many_places_and_for_a_few_from_the_start() -> None:
    assert (capacity_for(0), capacity_for(16), capacity_for(17)) == (32, 32, 34)


def test_growing_the_newest_copies_nothing(kind: Kind) -> None:
    cache = kind.grown(kind.grown(kind.empty(), [1, 3], 1.0), [1, 1], 2.0)
    newer = kind.grown(kind.grown(cache, [1, 1], 3.0), [2, 2], 4.0)
    assert storage(newer) == storage(cache)
    assert kind.contents(newer) == [[1.0, 2.0, 3.0, 4.0, 4.0], [1.0, 1.0, 1.0, 2.0, 3.0, 4.0, 4.0]]
    assert kind.contents(cache) == [[1.0, 2.0], [1.0, 1.0, 1.0, 2.0]]


def test_two_children_of_one_cache_do_not_disturb_each_other(kind: Kind) -> None:
    parent = kind.grown(kind.empty(), [2, 2], 1.0)
    first, second = kind.grown(parent, [1, 1], 2.0), kind.grown(parent, [1, 1], 3.0)
    first, second = kind.grown(first, [1, 1], 4.0), kind.grown(second, [1, 1], 5.0)
    assert kind.contents(first) == [[1.0, 1.0, 2.0, 4.0]] * 2
    assert kind.contents(second) == [[1.0, 1.0, 3.0, 5.0]] * 2
    assert kind.contents(parent) == [[1.0, 1.0]] * 2


def test_rows_grow_by_counts_of_their_own(kind: Kind) -> None:
    cache = kind.grown(kind.empty(3), [2, 0, 1], 1.0)
    cache = kind.grown(cache, [1, 3, 0], 2.0)
    assert cache.lengths == (3, 3, 1)
    assert kind.contents(cache) == [[1.0, 1.0, 2.0], [2.0, 2.0, 2.0], [1.0]]
    longer = kind.grown(cache, [0, 4, 1], 3.0)
    assert kind.contents(longer) == [[1.0, 1.0, 2.0], [2.0] * 3 + [3.0] * 4, [1.0, 3.0]]


def test_select_and_replace_give_values_of_their_own(kind: Kind) -> None:
    cache = kind.grown(kind.grown(kind.empty(3), [2, 0, 1], 1.0), [1, 3, 0], 2.0)
    chosen = cache.select([2, 0, 2])
    assert kind.contents(chosen) == [[1.0], [1.0, 1.0, 2.0], [1.0]]
    other = kind.grown(kind.empty(2), [1, 4], 7.0)
    replaced = kind.grown(cache.replace([0, 2], other), [1, 1, 1], 8.0)
    assert kind.contents(replaced) == [[7.0, 8.0], [2.0, 2.0, 2.0, 8.0], [7.0, 7.0, 7.0, 7.0, 8.0]]
    assert kind.contents(kind.grown(chosen, [1, 0, 2], 9.0)) == [[1.0, 9.0], [1.0, 1.0, 2.0], [1.0, 9.0, 9.0]]
    assert kind.contents(cache) == [[1.0, 1.0, 2.0], [2.0, 2.0, 2.0], [1.0]]
    assert cache.select([]).lengths == ()


def test_tokens_are_taken_out_again_and_the_longer_cache_stays_as_it_was(kind: Kind) -> None:
    cache = kind.grown(kind.grown(kind.empty(), [2, 1], 1.0), [3, 3], 2.0)
    for lengths in ([4, 3], [5, 2], [2, 4]):
        shorter = cache.shortened(lengths)
        expected = [[1.0, 1.0, 2.0, 2.0, 2.0][: lengths[0]], [1.0, 2.0, 2.0, 2.0][: lengths[1]]]
        assert kind.contents(shorter) == expected
        assert kind.contents(kind.grown(shorter, [1, 1], 9.0)) == [[*row, 9.0] for row in expected]
    assert kind.contents(cache) == [[1.0, 1.0, 2.0, 2.0, 2.0], [1.0, 2.0, 2.0, 2.0]]


def test_copies_are_as_rare_as_doublings(kind: Kind) -> None:
    cache, copies = kind.grown(kind.empty(), [1, 1], 0.0), 0
    before = storage(cache)
    for step in range(1, 1_000):
        cache = kind.grown(cache, [1, 1], float(step))
        copies += storage(cache) != before
        before = storage(cache)
    assert copies <= 5
    assert kind.contents(cache) == [[float(step) for step in range(1_000)]] * 2
