"""The options of model=minlstm."""

from __future__ import annotations

from models.minlstm import MinLSTM
from models.settings.minlstm import MinLSTMConfig


def test_they_build_a_model_of_the_width_that_was_picked() -> None:
    model = MinLSTMConfig(d_model=24, expansion=2.0).build(5, 4)
    assert isinstance(model, MinLSTM)
    assert model.embedding.shape == (5, 24)
    assert model.cost().num_params == sum(parameter.numel() for parameter in model.parameters())
