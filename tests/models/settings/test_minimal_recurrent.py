"""The options of both minimal recurrent families."""

from __future__ import annotations

import pytest

from models.settings.minlstm import MinLSTMConfig


def test_a_layer_without_units_is_refused() -> None:
    with pytest.raises(ValueError, match="expansion=0 is not allowed for model=minlstm: it must be above 0"):
        MinLSTMConfig(expansion=0)
