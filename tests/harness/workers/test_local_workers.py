"""Worker processes: their number, their share of the machine, and their end."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from harness.workers import local_workers
from harness.workers.local_workers import LocalWorkers, last_lines


@pytest.mark.parametrize(("cards", "expected"), [("", []), ("-1", []), ("0,2", ["0", "2"])])
def test_the_cards_are_those_that_the_environment_allows(
    cards: str, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", cards)
    assert local_workers.graphics_cards() == expected


def test_there_is_a_worker_for_each_core_but_no_more_than_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_workers, "graphics_cards", list)
    monkeypatch.setattr(local_workers, "num_cores", lambda: 4)
    assert local_workers.num_workers(None, 10) == 4
    assert local_workers.num_workers(None, 3) == 3
    assert local_workers.num_workers(8, 10) == 8
    monkeypatch.setattr(local_workers, "graphics_cards", lambda: ["0", "1"])
    assert local_workers.num_workers(None, 10) == 2


def test_each_gets_its_share_of_the_cores_and_a_card_in_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_workers, "num_cores", lambda: 6)
    monkeypatch.setattr(local_workers, "graphics_cards", lambda: ["2", "5"])
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    started = []

    class Popen:
        def __init__(self, words: list[str], **about: dict[str, str]) -> None:
            started.append(about["env"])

    monkeypatch.setattr(local_workers.subprocess, "Popen", Popen)
    local = LocalWorkers(3)
    for number in range(3):
        local.start(f"worker-{number}", ["list"], tmp_path)
    assert [(env["OMP_NUM_THREADS"], env["CUDA_VISIBLE_DEVICES"]) for env in started] == [
        ("2", "2"),
        ("2", "5"),
        ("2", "2"),
    ]


def test_how_a_worker_ended_is_told_with_its_last_lines(tmp_path: Path) -> None:
    local = LocalWorkers(1)
    worker = local.start("worker", ["work", "no-such-sweep"], tmp_path)
    assert local.are_running
    while not (ended := local.pop_ended()):
        time.sleep(0.05)
    assert ended == [worker]
    assert not local.are_running
    assert worker.ended.startswith("ended with status 2: ")
    assert "'no-such-sweep' is the beginning of no sweep" in worker.ended


def test_the_last_lines_of_a_long_file_are_read_and_none_of_one_that_is_gone(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    log.write_bytes(b"x" * 100_000 + b"\n\nlast but one\n\xff last\n\n")
    assert last_lines(log, 2) == ["last but one", "\N{REPLACEMENT CHARACTER} last"]
    assert last_lines(tmp_path / "gone", 2) == []
