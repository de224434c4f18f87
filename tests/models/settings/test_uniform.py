"""The options of model=uniform: none."""

from __future__ import annotations

import dataclasses

from models.settings.uniform import UniformConfig
from models.uniform import Uniform


def test_there_is_nothing_to_choose() -> None:
    assert not dataclasses.fields(UniformConfig)
    assert isinstance(UniformConfig().build(5, 4), Uniform)
