"""Spans of time are told in the unit that fits."""

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
def test_a_span_is_told_in_the_largest_unit_that_it_holds_twice(seconds: float, said: str) -> None:
    assert duration(seconds) == said
