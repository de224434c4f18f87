"""The options of a model that was adapted."""

from __future__ import annotations

import pytest

from models.settings.adapted import Adaptation, AdaptedConfig
from models.settings.ngram import NGramConfig


def test_what_was_picked_is_kept_through_two_adaptations() -> None:
    once = AdaptedConfig(NGramConfig(order=3), Adaptation())
    assert AdaptedConfig(once, Adaptation()).trained_from == NGramConfig(order=3)
    assert once.is_deterministic


def test_a_context_below_0_is_refused() -> None:
    with pytest.raises(ValueError, match="most_context=-1 is not allowed: it must be 0 or more"):
        Adaptation(-1)
