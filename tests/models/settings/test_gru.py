"""The options of model=gru."""

from __future__ import annotations

from models.gru import GRU
from models.settings.gru import GRUConfig


def test_they_build_a_model_of_the_width_that_was_picked() -> None:
    model = GRUConfig(d_model=24).build(5, 4)
    assert isinstance(model, GRU)
    assert model.embedding.shape == (5, 24)
