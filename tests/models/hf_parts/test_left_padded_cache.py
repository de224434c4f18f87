from __future__ import annotations

import pytest
import torch

from models.hf_parts.left_padded_cache import LeftPaddedCache


def empty(num_rows: int = 2) -> LeftPaddedCache:
    """Two layers, whose tensors have heads and widths of their own."""
    return LeftPaddedCache.empty([(1, 1), (1, 1), (2, 3), (2, 2)], num_rows, torch.zeros(1))


def grown(cache: LeftPaddedCache, counts: list[int], value: float) -> LeftPaddedCache:
    """`counts` more tokens in each row, all with this value; what doesn't count is -1."""
    more = cache.grow(counts)
    counted = torch.arange(max(counts)) >= max(counts) - torch.tensor(counts)[:, None]
    new = torch.where(counted, value, -1.0)[:, None, :, None]
    more.write(0, new, -new)
    more.write(1, new.expand(-1, 2, -1, 3), -new.expand(-1, 2, -1, 2))
    return more


def contents(cache: LeftPaddedCache) -> list[list[float]]:
    """Each row's keys in the first layer, with which all other tensors must agree."""
    keys = cache.keys_and_values(0)[0]
    for layer in range(cache.num_layers):
        found_keys, found_values = cache.keys_and_values(layer)
        assert torch.equal(found_keys, keys.expand_as(found_keys))
        assert torch.equal(found_values, -keys.expand_as(found_values))
    assert cache.mask().sum(dim=1).tolist() == list(cache.lengths)
    return [row[held == 1].tolist() for row, held in zip(keys[:, 0, :, 0], cache.mask(), strict=True)]


def storage(cache: LeftPaddedCache) -> int:
    return cache.keys_and_values(0)[0].untyped_storage().data_ptr()


def test_growing_the_newest_by_as_much_in_every_row_copies_nothing() -> None:
    cache = grown(grown(empty(), [1, 3], 1.0), [1, 1], 2.0)
    newer = grown(grown(cache, [1, 1], 3.0), [2, 2], 4.0)
    assert storage(newer) == storage(cache)
    assert contents(newer) == [[1.0, 2.0, 3.0, 4.0, 4.0], [1.0, 1.0, 1.0, 2.0, 3.0, 4.0, 4.0]]
    assert contents(cache) == [[1.0, 2.0], [1.0, 1.0, 1.0, 2.0]]


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
    assert cache.mask().tolist() == [[1, 1, 1], [1, 1, 1], [0, 0, 1]]
    assert contents(grown(cache, [0, 4, 1], 3.0)) == [[1.0, 1.0, 2.0], [2.0] * 3 + [3.0] * 4, [1.0, 3.0]]


def test_positions_count_the_tokens_of_a_row_before_each_new_one() -> None:
    cache = grown(empty(3), [2, 1, 4], 1.0).grow([3, 3, 1])
    # of the last row only the last column counts
    assert cache.positions().tolist() == [[2, 3, 4], [1, 2, 3], [2, 3, 4]]
    assert cache.num_places_before == 2
    assert grown(empty(2), [1, 5], 1.0).positions().tolist() == [[0, 0, 0, 0, 0], [0, 1, 2, 3, 4]]


def test_select_and_replace_give_values_of_their_own() -> None:
    cache = grown(grown(empty(3), [2, 0, 1], 1.0), [1, 3, 0], 2.0)
    chosen = cache.select([2, 0, 2])
    assert contents(chosen) == [[1.0], [1.0, 1.0, 2.0], [1.0]]
    other = grown(empty(2), [1, 4], 7.0)
    replaced = grown(cache.replace([0, 2], other), [1, 1, 1], 8.0)
    assert contents(replaced) == [[7.0, 8.0], [2.0, 2.0, 2.0, 8.0], [7.0, 7.0, 7.0, 7.0, 8.0]]
    assert contents(grown(chosen, [1, 0, 2], 9.0)) == [[1.0, 9.0], [1.0, 1.0, 2.0], [1.0, 9.0, 9.0]]
    assert contents(cache) == [[1.0, 1.0, 2.0], [2.0, 2.0, 2.0], [1.0]]
    assert cache.select([2]).num_places == 1
    assert cache.select([]).lengths == ()


def test_tokens_are_taken_out_again_and_the_longer_cache_stays_as_it_was() -> None:
    cache = grown(grown(empty(), [2, 1], 1.0), [3, 3], 2.0)
    for lengths in ([4, 3], [5, 2], [2, 4]):
        kept = cache.shortened(lengths)
        short = [[1.0, 1.0, 2.0, 2.0, 2.0][: lengths[0]], [1.0, 2.0, 2.0, 2.0][: lengths[1]]]
        assert contents(kept) == short
        assert contents(grown(kept, [1, 1], 9.0)) == [[*row, 9.0] for row in short]
    assert contents(cache) == [[1.0, 1.0, 2.0, 2.0, 2.0], [1.0, 2.0, 2.0, 2.0]]


def test_copies_are_as_rare_as_doublings() -> None:
    cache, copies = grown(empty(), [1, 2], 0.0), 0
    before = storage(cache)
    for place in range(1, 1_000):
        cache = grown(cache, [1, 1], float(place))
        copies += storage(cache) != before
        before = storage(cache)
    assert copies <= 5
    assert contents(cache)[0] == [float(place) for place in range(1_000)]


def test_places_that_no_row_holds_any_more_are_let_go() -> None:
    cache = grown(empty(2), [1, 1], 0.0)
    for _ in range(500):  # each row begins anew again and again, as when windows slide at different times
        cache = grown(cache.replace([0], grown(empty(1), [2], 1.0)), [1, 1], 2.0)
        cache = grown(cache.replace([1], grown(empty(1), [3], 1.0)), [1, 1], 2.0)
    assert cache.num_places == 4
    assert cache.keys_and_values(0)[0].untyped_storage().nbytes() <= 4 * 2 * 32


def test_what_was_never_written_is_finite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.Tensor, "new_empty", lambda like, *shape: like.new_full(shape, torch.nan))

    def check(cache: LeftPaddedCache) -> LeftPaddedCache:
        for layer in range(cache.num_layers):
            assert all(part.isfinite().all() for part in cache.keys_and_values(layer))
        return cache

    cache = check(grown(empty(3), [0, 5, 2], 1.0))
    cache = check(grown(check(grown(cache, [1, 1, 1], 2.0)), [40, 40, 40], 3.0))
    forked = check(cache.select([1, 1, 1, 1]))
    check(grown(check(grown(forked, [2, 0, 1, 7], 4.0)), [1, 1, 1, 1], 5.0))
    check(grown(check(cache.select([2, 0])), [1, 1], 6.0))
    check(grown(check(cache.replace([0], grown(empty(1), [3], 7.0))), [1, 2, 3], 8.0))
    check(grown(check(cache.shortened([1, 30, 2])), [1, 1, 1], 9.0))
