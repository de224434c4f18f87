"""The options that all combinations have."""

from __future__ import annotations

import pytest

from models.settings.mixture import MixtureConfig
from models.settings.unigram import UnigramConfig


def test_what_is_no_model_is_no_member() -> None:
    with pytest.raises(ValueError, match=r"members\.b is not a model but 3"):
        MixtureConfig({"a": UnigramConfig(), "b": 3})  # type: ignore[dict-item]
