"""The options of model=mlp."""

from __future__ import annotations

import pytest

from models.mlp import MLP
from models.settings.mlp import MLPConfig


def test_they_build_a_model_of_the_width_that_was_picked() -> None:
    model = MLPConfig(d_model=24).build(5, 4)
    assert isinstance(model, MLP)
    assert model.cost().num_params == sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(("option", "value"), [("context_length", 0), ("d_embedding", 0), ("d_model", 0)])
def test_an_impossible_option_is_refused(option: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"{option}={value} is not allowed for model=mlp: it must be 1 or more"):
        MLPConfig(**{option: value})
