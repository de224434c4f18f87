"""The options of model=ssm."""

from __future__ import annotations

import pytest

from models.settings.ssm import SSMConfig
from models.ssm import SSM


def test_they_build_a_model_of_the_width_that_was_picked() -> None:
    model = SSMConfig(d_model=24).build(5, 4)
    assert isinstance(model, SSM)
    assert model.cost().num_params == sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(("option", "value"), [("expansion", 0), ("num_heads", 0), ("state_size", 0), ("d_model", 3)])
def test_an_impossible_option_is_refused(option: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"{option}={value} is not allowed for model=ssm: it must be"):
        SSMConfig(**{option: value})
