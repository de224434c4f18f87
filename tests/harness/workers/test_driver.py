"""Sweeps with several workers: the same results as with one, whatever happens to a worker."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from harness.workers import driver
from tests.commands import bakeoff, command, environment
from tests.harness.workers.sweeps import SWEEP, events, failing, metrics, outcomes, without_arithmetic

TWO = "sweep.workers=2"


def test_two_workers_make_each_fit_once_and_the_same_results_as_one(tmp_path: Path) -> None:
    for name, workers in (("two", TWO), ("one", "sweep.workers=1")):
        (tmp_path / name).mkdir()
        done = bakeoff(tmp_path / name, *SWEEP, workers)
        assert done.stdout.endswith("4 runs: 4 complete\n")
        assert outcomes(tmp_path / name) == {"complete": 4}
        assert sum(event["made_fit"] for event in events(tmp_path / name)) == 2
    assert len({event["worker"] for event in events(tmp_path / "two")}) == 2
    assert metrics(tmp_path / "two") == metrics(tmp_path / "one")
    again = bakeoff(tmp_path / "two", *SWEEP, TWO)
    assert "all 4 runs of sweep default-" in again.stderr
    assert len(outcomes(tmp_path / "two")) == 1


def test_a_worker_that_dies_is_replaced_and_the_same_command_does_its_run_alone(tmp_path: Path) -> None:
    overrides = (*without_arithmetic(SWEEP), *failing(tmp_path, "exit"))
    done = bakeoff(tmp_path, *overrides, TWO, status=1)
    assert "is killed (" in done.stderr
    assert "its process ended with status 9" in done.stderr
    assert done.stdout.endswith("4 runs: 3 complete, 1 not finished\n")
    before = len(events(tmp_path))
    assert bakeoff(tmp_path, *overrides, TWO).stdout.endswith("4 runs: 4 complete\n")
    again = [event["number"] for event in events(tmp_path)[before:] if event["kind"] == "began"]
    assert len(again) == 1


def test_the_end_of_the_driver_is_the_end_of_its_workers(tmp_path: Path) -> None:
    slow = ("model=lstm", "seed=0,1", "budget.tokens=100000000", "budget.seconds=600")
    words = command(*[word for word in SWEEP if not word.startswith(("model", "budget"))], *slow, TWO)
    process = subprocess.Popen(words, cwd=tmp_path, env=environment(), stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 120
        while sum(event["kind"] == "began" for event in events(tmp_path)) < 2 and time.monotonic() < deadline:
            time.sleep(0.1)
        workers = psutil.Process(process.pid).children()
        assert len(workers) == 2
        process.send_signal(signal.SIGKILL)  # not even a chance to tell them
        assert not psutil.wait_procs(workers, timeout=20)[1]
    finally:
        process.kill()
        process.communicate()
    assert outcomes(tmp_path) in ({"stopped": 2}, {"stopped": 1}, {})  # some end before they can say so


def test_a_process_that_was_killed_for_memory_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events_file = tmp_path / "memory.events"
    monkeypatch.setattr(driver, "_MEMORY_EVENTS", events_file)
    assert driver._num_killed_for_memory() == 0
    events_file.write_text("low 0\noom 3\noom_kill 2\noom_group_kill 0\n")
    assert driver._num_killed_for_memory() == 2
