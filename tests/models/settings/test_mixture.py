"""The options of model=mixture."""

from __future__ import annotations

import pytest

from models.settings.mixture import MixtureConfig
from models.settings.unigram import UnigramConfig


def test_fewer_than_two_members_are_refused() -> None:
    with pytest.raises(ValueError, match="two or more"):
        MixtureConfig({"only": UnigramConfig()})
