from __future__ import annotations

import json
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

import pytest

from harness.dashboard.fits import process
from harness.dashboard.fits.held import Held


class Waiting:
    """Requests of which some are stopped."""

    def __init__(self, stopped: int = -1) -> None:
        self.stopped = stopped

    def is_stopped(self, number: int) -> bool:
        return number <= self.stopped


def answered(monkeypatch: pytest.MonkeyPatch, task: Any, stopped: int = -1) -> list[dict[str, Any]]:
    ours, theirs = Pipe()
    monkeypatch.setattr(process, "TASKS", {"try": task})
    process.answer(theirs, Held(Path()), Waiting(stopped), {"number": 5, "task": "try"})  # type: ignore[arg-type]
    answers = []
    while ours.poll():
        answers.append(json.loads(ours.recv_bytes()))
    assert all(answer.pop("number") == 5 for answer in answers)
    return answers


def test_the_last_answer_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    two = lambda held, request: iter([{"text": "a\ud800"}, {"text": "b"}])  # noqa: E731
    assert answered(monkeypatch, two) == [{"text": "a\ud800"}, {"text": "b"}, {"end": True}]
    assert answered(monkeypatch, two, stopped=5) == [{"end": True}]


@pytest.mark.parametrize("error", [MemoryError(), ValueError("wrong <b>"), RecursionError()])
def test_whatever_goes_wrong_is_an_answer(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fails(held: Held, request: dict[str, Any]) -> Any:
        yield {"text": "a"}
        raise error

    first, told, end = answered(monkeypatch, fails)
    assert first == {"text": "a"}
    assert "memory" in told["error"] or type(error).__name__ in told["error"]
    assert end == {"end": True}


def test_every_task_is_known() -> None:
    assert set(process.TASKS) == {"load", "look", "complete", "chat", "pairs"}
