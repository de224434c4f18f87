"""The options of model=unigram."""

from __future__ import annotations

import pytest

from models.settings.unigram import UnigramConfig


def test_a_pseudo_count_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="pseudo_count=0 is not allowed for model=unigram: it must be above 0"):
        UnigramConfig(pseudo_count=0)
