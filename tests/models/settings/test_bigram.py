"""The options of model=bigram."""

from __future__ import annotations

import pytest

from models.settings.bigram import BigramConfig


def test_a_concentration_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="concentration=0 is not allowed for model=bigram: it must be above 0"):
        BigramConfig(concentration=0)
