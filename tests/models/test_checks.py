"""Checks of input before a model uses it."""

from __future__ import annotations

import numpy as np
import pytest

from models.checks import check_option, check_tokens
from models.settings.ngram import NGramConfig


@pytest.mark.parametrize("tokens", [[-1, 0], [0, 5], [7]])
def test_ids_outside_the_vocabulary_are_refused_with_what_lies_in_it(tokens: list[int]) -> None:
    with pytest.raises(ValueError, match=f"between {min(tokens)} and {max(tokens)}, but the vocabulary is 0 to 4"):
        check_tokens(np.array(tokens), 5)


def test_all_ids_of_a_vocabulary_and_none_at_all_are_taken() -> None:
    check_tokens(np.arange(5), 5)
    check_tokens(np.array([], dtype=np.int64), 5)


def test_an_impossible_option_is_told_with_family_value_and_what_is_allowed() -> None:
    config = NGramConfig(order=3)
    check_option(config, "order", True, "odd")
    with pytest.raises(ValueError, match=r"order=3 is not allowed for model=ngram: it must be even$"):
        check_option(config, "order", False, "even")
