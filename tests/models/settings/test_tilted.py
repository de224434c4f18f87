"""The options of a correction."""

from __future__ import annotations

import pytest

from models.settings.ngram import NGramConfig
from models.settings.tilted import Correction, TiltedConfig
from models.tilted import Tilted


def test_what_was_picked_is_kept_and_a_model_is_built_above_its_base() -> None:
    config = TiltedConfig(base=NGramConfig(order=3))
    assert config.trained_from == NGramConfig(order=3)
    model = config.build(5, 4)
    assert isinstance(model, Tilted)
    assert model.base.config == NGramConfig(order=3)


@pytest.mark.parametrize(("options", "allowed"), [({"most_context": -1}, "0 or more"), ({"num_slots": 0}, "1 or more")])
def test_wrong_sizes_are_refused(options: dict[str, int], allowed: str) -> None:
    with pytest.raises(ValueError, match=allowed):
        Correction(**options)
