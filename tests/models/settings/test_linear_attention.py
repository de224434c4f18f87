"""The options of model=linear_attention."""

from __future__ import annotations

import pytest

from models.linear_attention import LinearAttention
from models.settings.linear_attention import LinearAttentionConfig


def test_they_build_a_model_of_the_width_that_was_picked() -> None:
    model = LinearAttentionConfig(d_model=24).build(5, 4)
    assert isinstance(model, LinearAttention)
    assert model.cost().num_params == sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(("option", "value"), [("num_heads", 0), ("key_ratio", 0.0), ("d_model", 30)])
def test_an_impossible_option_is_refused(option: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{option}={value} is not allowed for model=linear_attention: it must be"):
        LinearAttentionConfig(**{option: value})
