"""The options of model=bigram."""

from __future__ import annotations

import pytest

from models.settings.bigram import BigramConfig


def test_a_concentration_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="concentration is 0, but it must be above 0"):
        BigramConfig(concentration=0)
