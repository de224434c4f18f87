"""The mirror gets a run after the record is written, and ends with its block."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from harness.common.results_folder import ResultsFolder
from harness.runs.record import RunRecord
from harness.runs.tracking import Mirror, Tracking
from tests.commands import bakeoff, command, environment
from tests.conftest import ROOT
from tests.harness.report.fake_results import write_fake_results
from tests.harness.small_run import MIRRORED, only_run

RUN = ("data=chatterbot", "model=unigram", "evals=[perplexity]")
WAITS = """
import os, time
while not os.path.exists(os.environ["GO_ON"]):
    time.sleep(0.02)
raise RuntimeError("gone on")
"""


def wandb_that(folder: Path, body: str) -> str:
    """A PYTHONPATH that puts another wandb first."""
    (folder / "wandb").mkdir()
    (folder / "wandb" / "__init__.py").write_text(body)
    return f"{folder}{os.pathsep}{ROOT}"


def test_a_run_is_finished_before_the_mirror_has_answered(tmp_path: Path) -> None:
    paths, go_on = wandb_that(tmp_path, WAITS), tmp_path / "go_on"
    process = subprocess.Popen(
        command("run", *RUN, "tracking=wandb", "tracking.timeout_seconds=100"),
        cwd=tmp_path,
        env=environment(PYTHONPATH=paths, GO_ON=str(go_on)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not list(tmp_path.glob("results/default/*/run.json")):
            assert process.poll() is None
            time.sleep(0.02)
        record = json.loads((only_run(tmp_path) / "run.json").read_text())
        assert record["status"] == "complete"
        assert record["wandb"] == {"mode": "offline", "run_id": None, "url": None}
        assert process.poll() is None
    finally:
        go_on.touch()
        assert process.wait(timeout=100) == 0
    # the record has the mirror's answer; otherwise only its own digest changed
    answered = json.loads((only_run(tmp_path) / "run.json").read_text())
    assert answered.pop("wandb").keys() == {"mode", "run_id", "url", "warning"}
    assert answered.pop("sha256") != record["sha256"]
    assert answered == {name: value for name, value in record.items() if name not in ("wandb", "sha256")}


def test_a_failed_mirror_stops_once_and_its_process_ends_with_its_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", wandb_that(tmp_path, "import time; time.sleep(1000)"))
    folder = min(path.parent for path in write_fake_results(tmp_path, mishaps=False).glob("*/run.json"))
    record, results = RunRecord.read(folder), ResultsFolder(tmp_path)
    with Mirror() as mirror:
        said = [mirror.run(record, folder, Tracking(timeout_seconds=0.3), results)["warning"] for _ in range(2)]
    assert "no answer within 0.3 s" in said[0]
    assert "wandb failed earlier" in said[1]
    with Mirror() as mirror:  # a new mirror tries again
        again = mirror.run(record, folder, Tracking(timeout_seconds=0.3), results)
    assert "no answer within 0.3 s" in again["warning"]


@pytest.mark.parametrize("trouble", ["crash", "hang", "unwritable"])
def test_a_failure_of_wandb_is_one_warning_and_the_run_is_complete(tmp_path: Path, trouble: str) -> None:
    (tmp_path / "wandb").mkdir()
    body = {"crash": "import os; os._exit(9)", "hang": "import time; time.sleep(100)", "unwritable": ""}[trouble]
    (tmp_path / "wandb" / "__init__.py").write_text(body)
    if trouble == "unwritable":
        (tmp_path / "results").mkdir()
        (tmp_path / "results" / "wandb").write_text("a file where the folder should be")
    overrides = (*MIRRORED, "model=unigram", "tracking.timeout_seconds=3")
    done = bakeoff(tmp_path, "run", *overrides, PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}")
    assert done.stderr.count("wandb:") == 1
    record = json.loads((only_run(tmp_path) / "run.json").read_text())
    assert record["status"] == "complete"
    assert record["wandb"]["warning"]
