"""Progress without a terminal: a line every few seconds."""

from __future__ import annotations

import logging
import time

import pytest

from harness.common.progress import Progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that the clock shows."""
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize(
    ("unit", "line"), [("tokens", "  fit: 1,500 of 2,000 tokens, 3.1 bits"), ("%", "  fit: 1500 %, 3.1 bits")]
)
def test_a_line_says_how_far_it_is(clock: list[float], caplog: pytest.LogCaptureFixture, unit: str, line: str) -> None:
    with caplog.at_level(logging.INFO, "bakeoff"), Progress("fit", 2000, unit) as progress:
        clock[0] = 20
        progress.advance_to(1500, "3.1 bits")
    assert [record.getMessage() for record in caplog.records] == [line]


def test_lines_are_seconds_apart_and_units_add_up(clock: list[float], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "bakeoff"), Progress("fit", 100, "steps") as progress:
        for second in range(1, 41):
            clock[0] = second
            progress.advance(1)
    assert progress.done == 40
    assert [record.getMessage() for record in caplog.records] == ["  fit: 16 of 100 steps", "  fit: 32 of 100 steps"]
