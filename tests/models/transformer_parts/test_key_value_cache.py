from __future__ import annotations

from torch import Tensor

from tests.models.stored_caches import contents_of_key_values as contents
from tests.models.stored_caches import empty_key_values as empty
from tests.models.stored_caches import grown_key_values as grown


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
