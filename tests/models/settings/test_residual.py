"""The options of every family of residual blocks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from models.settings.mingru import MinGRUConfig


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("num_layers", 0),
        ("d_model", 0),
        ("mlp_ratio", -1.0),
        ("dropout", 1.0),
        ("learning_rate", 0.0),
        ("training_length", 0),
    ],
)
def test_an_impossible_option_is_refused(option: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{option}={value} is not allowed for model=mingru: it must be"):
        replace(MinGRUConfig(), **{option: value})
