"""The options of a correction as a stage."""

from __future__ import annotations

import pytest

from harness.training.post.tilted import Tilting
from models.settings.ngram import NGramConfig
from models.settings.tilted import TiltedConfig


def test_it_stands_above_the_model_before() -> None:
    stage = Tilting(learning_rate=0.5)
    changed = stage.changed(NGramConfig())
    assert changed == TiltedConfig(base=NGramConfig(), correction=stage.correction, learning_rate=0.5)
    assert changed.trained_from == NGramConfig()


def test_a_rate_of_0_is_refused() -> None:
    with pytest.raises(ValueError, match="learning_rate=0 is not allowed: it must be above 0"):
        Tilting(learning_rate=0)
