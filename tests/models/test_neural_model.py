"""What families of torch modules share."""

from __future__ import annotations

import torch

from models.lstm import LSTM
from models.settings.lstm import LSTMConfig


def test_matrices_are_decayed_and_biases_are_not() -> None:
    model = LSTM(LSTMConfig(d_model=8, tie_embeddings=False), vocab_size=5, start_token=4)
    hidden, outer, others = model.parameter_groups()
    # of the one layer the matrices from the input and from the state
    assert hidden.is_decayed
    assert hidden.is_hidden_matrix
    assert sorted(tuple(p.shape) for p in hidden.parameters) == [(32, 8), (32, 8)]
    # embedding and output
    assert outer.is_decayed
    assert not outer.is_hidden_matrix
    assert sorted(tuple(p.shape) for p in outer.parameters) == [(5, 8), (5, 8)]
    # the layer's two biases, and the output's
    assert not others.is_decayed
    assert sorted(tuple(p.shape) for p in others.parameters) == [(5,), (32,), (32,)]
    assert model.num_params() == 2 * 5 * 8 + 2 * 32 * 8 + 5 + 32 + 32


def test_weights_come_back_as_they_were_and_a_model_in_use_is_not_in_training() -> None:
    config = LSTMConfig(d_model=8)
    model, other = config.build(5, 4), config.build(5, 4)
    other.load_tensors(model.tensors())
    assert all(torch.equal(value, other.tensors()[name]) for name, value in model.tensors().items())
    moved = model.on(torch.device("cpu"))
    assert isinstance(moved, LSTM)
    assert not moved.training
