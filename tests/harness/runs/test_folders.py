"""A run's folder is held by one process and has its log; the record is written before the mirror."""

from __future__ import annotations

import dataclasses
import datetime
import logging
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from harness.common.errors import UserError
from harness.common.results_folder import ResultsFolder
from harness.runs.folders import alone, finish, logged, now, write_config
from harness.runs.record import RunRecord
from harness.runs.tracking import Mirror, Tracking
from tests.harness.report.fake_results import MODELS, write_fake_results


def test_the_time_is_in_utc_with_its_offset() -> None:
    moment = datetime.datetime.fromisoformat(now())
    assert moment.utcoffset() == datetime.timedelta(0)
    assert abs(datetime.datetime.now(datetime.UTC) - moment) < datetime.timedelta(seconds=5)


def test_a_second_process_waits_until_the_first_is_done(tmp_path: Path) -> None:
    order: list[str] = []
    waiting = threading.Event()

    def second() -> None:
        waiting.set()
        with alone(tmp_path / "run"):
            order.append("second")

    thread = threading.Thread(target=second)
    with alone(tmp_path / "run"):
        thread.start()
        assert waiting.wait(timeout=10)
        thread.join(timeout=0.2)
        assert thread.is_alive()
        order.append("first")
    thread.join(timeout=10)
    assert order == ["first", "second"]


def test_messages_of_the_run_are_in_the_log_and_nothing_else(tmp_path: Path) -> None:
    log = logging.getLogger("bakeoff")
    before, level = list(log.handlers), log.level
    log.setLevel(logging.INFO)
    log.info("too early")
    with logged(tmp_path):
        log.info("ünï, in time")
    log.info("too late")
    log.setLevel(level)
    [line] = (tmp_path / "log.txt").read_text(encoding="utf-8").splitlines()
    assert line.endswith("INFO ünï, in time")
    assert log.handlers == before


@pytest.fixture
def plan(tmp_path: Path) -> Any:
    """The parts of a plan that folders.py uses: a finished run's folder, and how it is mirrored."""
    folder = write_fake_results(tmp_path, models=MODELS[:1], num_documents=4, num_problems=6, mishaps=False)
    return SimpleNamespace(
        folder=folder / "uniform-greedy-s0",
        config={"model": {"order": 3}, "about": "ünï", "a": None},
        tracking=Tracking(),
        results=ResultsFolder(tmp_path),
    )


def test_the_configuration_is_read_back_as_it_was_in_its_order(plan: Any) -> None:
    write_config(plan)
    text = (plan.folder / "config.yaml").read_text(encoding="utf-8")
    assert yaml.safe_load(text) == plan.config
    assert list(yaml.safe_load(text)) == ["model", "about", "a"]
    assert "ünï" in text


class Listening(Mirror):
    """Notes the record's content when it gets the run."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[dict[str, Any]] = []

    def run(self, record: RunRecord, folder: Path, tracking: Tracking, results: ResultsFolder) -> dict[str, Any]:
        self.heard.append(RunRecord.read(folder).wandb)
        return {"run_id": "x1", "url": None}


def test_the_record_is_written_before_the_mirror_gets_it_and_then_has_its_answer(plan: Any) -> None:
    record, mirror = RunRecord.read(plan.folder), Listening()
    (plan.folder / "run.json").unlink()
    finished = finish(plan, record, mirror)
    assert mirror.heard == [{"mode": "offline", "run_id": None, "url": None}]
    assert finished.wandb == {"mode": "offline", "run_id": "x1", "url": None}
    assert RunRecord.read(plan.folder) == finished


@pytest.mark.parametrize(("status", "mode"), [("failed", "offline"), ("complete", "disabled")])
def test_a_failed_run_and_an_untracked_run_are_not_mirrored(plan: Any, status: str, mode: Any) -> None:
    plan.tracking = Tracking(mode=mode)
    record, mirror = dataclasses.replace(RunRecord.read(plan.folder), status=status), Listening()
    assert finish(plan, record, mirror).wandb == {"mode": mode, "run_id": None, "url": None}
    assert mirror.heard == []
    assert RunRecord.read(plan.folder).status == status


@pytest.mark.parametrize("folder", ["file", "file/below", "/proc/none/below"])
def test_a_folder_that_cannot_be_made_is_a_user_error(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("text")
    said = rf"the folder {folder} can't be made .* Name another results_dir"
    with pytest.raises(UserError, match=said), alone(Path(folder)):
        pass
