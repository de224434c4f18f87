"""Durations are written in the right unit."""

from __future__ import annotations

import pytest

from harness.common.durations import duration


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-1, "0 s"),
        (0.4, "0 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7199, "120 min"),
        (7200, "2 h"),
        (172799, "48 h"),
        (172800, "2 days"),
    ],
)
def test_a_duration_is_in_the_largest_unit_that_fits_twice(seconds: float, said: str) -> None:
    assert duration(seconds) == said
