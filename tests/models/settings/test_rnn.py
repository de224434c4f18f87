"""The options of model=rnn."""

from __future__ import annotations

from models.rnn import RNN
from models.settings.rnn import RNNConfig


def test_they_build_a_model_of_the_width_that_was_picked() -> None:
    model = RNNConfig(d_model=24).build(5, 4)
    assert isinstance(model, RNN)
    assert model.embedding.shape == (5, 24)
