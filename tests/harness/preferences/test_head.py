"""The options of preference=head."""

from __future__ import annotations

import pytest

from harness.preferences.head import Head


@pytest.mark.parametrize("wrong", [{"learning_rate_share": 0.0}, {"pairs_per_step": 0}])
def test_impossible_options_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="is not allowed"):
        Head(**wrong)  # type: ignore[arg-type]


def test_it_is_made_of_a_fit() -> None:
    assert Head.needs_fit
