"""What comes with bakeoff keeps the contract of models."""

from __future__ import annotations

import pytest

from harness.plugin_kit.check_model import check_model


@pytest.mark.parametrize("name", ["unigram", "gru"])
def test_families_of_ours_pass(name: str) -> None:
    overrides = ["model.d_model=16"] if name == "gru" else []
    assert {outcome.verdict for outcome in check_model(name, overrides)} == {"pass"}
