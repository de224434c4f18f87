from __future__ import annotations

import pytest
import torch

from models.hf_parts.left_padded_cache import LeftPaddedCache
from tests.models.stored_caches import empty_left_padded as empty
from tests.models.stored_caches import grown_left_padded as grown


def test_the_mask_says_where_each_row_has_tokens() -> None:
    cache = grown(grown(empty(3), [2, 0, 1], 1.0), [1, 3, 0], 2.0)
    assert cache.mask().tolist() == [[1, 1, 1], [1, 1, 1], [0, 0, 1]]
    assert cache.select([2]).num_places == 1


def test_positions_count_the_tokens_of_a_row_before_each_new_one() -> None:
    cache = grown(empty(3), [2, 1, 4], 1.0).grow([3, 3, 1])
    # of the last row only the last column counts
    assert cache.positions().tolist() == [[2, 3, 4], [1, 2, 3], [2, 3, 4]]
    assert cache.num_places_before == 2
    assert grown(empty(2), [1, 5], 1.0).positions().tolist() == [[0, 0, 0, 0, 0], [0, 1, 2, 3, 4]]


def test_places_that_no_row_uses_are_freed() -> None:
    cache = grown(empty(2), [1, 1], 0.0)
    for _ in range(500):  # rows restart at different times, as when windows slide
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
