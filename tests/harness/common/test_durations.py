"""Durations are written in the right unit."""

from __future__ import annotations

import pytest

from harness.common.durations import duration, time_left


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


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, ""), (0.9, ""), (1, ", about 1 s left"), (150, ", about 2 min left")]
)
def test_the_time_left_is_said_where_there_is_some(seconds: float, said: str) -> None:
    assert time_left(seconds) == said
