"""How a family's options get to its models."""

from __future__ import annotations

import pytest

from tests.models.families import FAMILIES, MARKOV, tiny_config


@pytest.mark.parametrize("family", FAMILIES)
def test_the_models_of_a_family_are_in_the_file_of_the_same_name_as_its_options(family: str) -> None:
    config = tiny_config(family)
    model = config.build(MARKOV.size, MARKOV.start_token)
    assert type(model).__module__ == type(config).__module__.replace("models.settings.", "models.")
    assert model.config == config
