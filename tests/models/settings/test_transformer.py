"""The options of model=transformer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from models.settings.transformer import TransformerConfig


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("num_layers", 0),
        ("num_heads", 0),
        ("d_model", 0),
        ("d_model", 12),
        ("context_length", 0),
        ("stride", 0),
        ("stride", 257),
        ("mlp_ratio", 0.0),
        ("dropout", 1.0),
        ("learning_rate", 0.0),
    ],
)
def test_an_impossible_option_is_refused(option: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{option}={value} is not allowed for model=transformer: it must be"):
        replace(TransformerConfig(), **{option: value})
