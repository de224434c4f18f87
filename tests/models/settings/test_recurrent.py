"""The options that all recurrent families have."""

from __future__ import annotations

from dataclasses import replace

import pytest

from models.settings.lstm import LSTMConfig


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("num_layers", 0),
        ("d_model", 0),
        ("d_embedding", 0),
        ("dropout", 1.0),
        ("dropout", -0.1),
        ("learning_rate", 0.0),
        ("training_length", 0),
    ],
)
def test_an_impossible_option_is_refused(option: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{option}={value} is not allowed for model=lstm: it must be"):
        replace(LSTMConfig(), **{option: value})


def test_embeddings_of_another_width_than_the_hidden_state_can_not_be_tied() -> None:
    assert LSTMConfig(d_model=32, d_embedding=32).tie_embeddings
    assert LSTMConfig(d_model=32, d_embedding=8, tie_embeddings=False).d_embedding == 8
    with pytest.raises(
        ValueError, match="tie_embeddings=True is not allowed for model=lstm: it must be false with d_embedding=8"
    ):
        LSTMConfig(d_model=32, d_embedding=8)
