"""The options of model=cache."""

from __future__ import annotations

import pytest

from models.settings.recency_cache import CacheConfig
from models.settings.unigram import UnigramConfig


@pytest.mark.parametrize("wrong", [{"size": 0}, {"longest_match": -1}, {"members": {}}])
def test_impossible_options_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        CacheConfig(**{"members": {"base": UnigramConfig()}, **wrong})
