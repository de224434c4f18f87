"""The options of model=mingru."""

from __future__ import annotations

from models.mingru import MinGRU
from models.settings.mingru import MinGRUConfig


def test_they_build_a_model_of_the_width_that_was_picked() -> None:
    model = MinGRUConfig(d_model=24, expansion=2.0).build(5, 4)
    assert isinstance(model, MinGRU)
    assert model.embedding.shape == (5, 24)
    assert model.cost().num_params == sum(parameter.numel() for parameter in model.parameters())
