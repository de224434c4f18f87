"""What the driver of a sweep shows."""

from __future__ import annotations

import io
import logging
from pathlib import Path

import pytest

from harness.workers import display
from harness.workers.display import Display
from harness.workers.ledger import BEGAN, COMPLETE, ENDED, FAILED, Event
from harness.workers.planned import PlannedRun
from harness.workers.progress import Progress


@pytest.fixture
def progress() -> Progress:
    runs = [PlannedRun(number, (), "default", f"lstm-s{number}", f"fit{number}") for number in (1, 2, 3)]
    return Progress(runs, "now")


def event(kind: str, number: int, outcome: str = "", message: str = "") -> Event:
    return Event(kind, "worker", "now", 0.0, number, outcome, 40.0, True, message)


def test_elsewhere_than_on_a_terminal_each_end_is_a_line(progress: Progress, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "bakeoff")
    with Display(2) as shown:
        for happened in (
            event(BEGAN, 1),
            event(ENDED, 1, COMPLETE),
            event(BEGAN, 2),
            event(ENDED, 2, FAILED, "Diverged: the loss is nan"),
        ):
            progress.add(happened)
            shown.tell(happened, progress)
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("INFO", "1 of 3: lstm-s1 is complete (40 s), about 40 s left"),
        ("WARNING", "2 of 3: lstm-s2 is failed (40 s), about 20 s left: Diverged: the loss is nan"),
    ]


def test_the_state_is_a_line_now_and_then(
    progress: Progress, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO, "bakeoff")
    progress.add(event(BEGAN, 1))
    with Display(2) as shown:
        shown.show(progress, {})
        assert not caplog.records
        monkeypatch.setattr(display, "_SECONDS_BETWEEN_LINES", 0.0)
        shown.show(progress, {})
    assert [record.getMessage() for record in caplog.records] == ["1 running, 2 to do"]


def test_on_a_terminal_a_table_shows_what_each_worker_says(
    progress: Progress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(display, "_SECONDS_BETWEEN_FRAMES", 0.0)
    log = tmp_path / "worker.log"
    log.write_text("fitting lstm\n  lstm: 40 % \x1b[2J[bold]markup[/bold]\n\n")
    progress.add(event(BEGAN, 1))
    with Display(2) as shown:
        shown.show(progress, {"worker": log})
    assert "1 running, 2 to do" in terminal.getvalue()
    line, *_ = [line for line in terminal.getvalue().splitlines() if "lstm-s1" in line]
    assert "lstm: 40 % \\x1b[2J[bold]markup[/bold]" in line
