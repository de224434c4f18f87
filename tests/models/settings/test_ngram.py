"""The options of model=ngram."""

from __future__ import annotations

from typing import get_args

import pytest

from models.ngram import make_smoothing
from models.settings.ngram import GIVING_ZEROS, NGramConfig, SmoothingName


@pytest.mark.parametrize("order", [0, 21])
def test_an_impossible_order_is_refused(order: int) -> None:
    with pytest.raises(ValueError, match=f"order={order} is not allowed for model=ngram: it must be 1 to 20"):
        NGramConfig(order=order)


@pytest.mark.parametrize("smoothing", get_args(SmoothingName))
def test_only_smoothings_that_give_no_zeros_can_be_pruned_by_a_threshold(smoothing: SmoothingName) -> None:
    assert make_smoothing(NGramConfig(smoothing=smoothing)).gives_zeros == (smoothing in GIVING_ZEROS)
    if smoothing in GIVING_ZEROS:
        message = f"prune_threshold=0.1 is not allowed for model=ngram: it must be 0 with smoothing={smoothing}"
        with pytest.raises(ValueError, match=message):
            NGramConfig(smoothing=smoothing, prune_threshold=0.1)
    else:
        NGramConfig(smoothing=smoothing, prune_threshold=0.1)
