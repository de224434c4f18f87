"""The learning rate rises in a straight line to its peak, and falls in another to its end."""

from __future__ import annotations

import pytest

from harness.training.schedule import Schedule

PEAK, WARMUP, FINAL = 4e-3, 0.2, 0.1


@pytest.mark.parametrize(
    ("fraction", "share_of_peak"),
    [(0.2, 1.0), (0.6, 0.55), (1.0, 0.1), (0.0995, 0.5)],
    # Halfway down lies the middle of 1 and 0.1. The way up begins 0.001 before the start, so its middle is 0.0995.
)
def test_it_follows_the_two_lines(fraction: float, share_of_peak: float) -> None:
    assert Schedule(PEAK, WARMUP, FINAL).learning_rate(fraction) == pytest.approx(share_of_peak * PEAK)


def test_the_first_step_moves_and_without_warmup_it_begins_at_the_peak() -> None:
    assert Schedule(PEAK, WARMUP, FINAL).learning_rate(0.0) == pytest.approx(PEAK * 0.001 / 0.201)
    assert Schedule(PEAK, 0.0, FINAL).learning_rate(0.0) == PEAK
