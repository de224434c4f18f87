"""The options of model=lstm."""

from __future__ import annotations

from models.lstm import LSTM
from models.settings.lstm import LSTMConfig


def test_they_build_a_model_of_the_width_that_was_picked() -> None:
    model = LSTMConfig(d_model=24).build(5, 4)
    assert isinstance(model, LSTM)
    assert model.embedding.shape == (5, 24)
