"""Finished runs are sent to wandb later, each once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.cli.main import status_of
from harness.common.results_folder import RUN_FILE
from harness.runs.record import check_run

UNIFORM = ["run", "model=uniform", "data=chatterbot", "tracking=none", "evals=[perplexity]"]


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> list[Path]:
    """Two finished runs of two experiments, below the working folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("first", "second"):
        assert status_of([*UNIFORM, f"experiment_name={name}"]) == 0
    capsys.readouterr()
    return sorted(path.parent for path in tmp_path.glob(f"results/*/*/{RUN_FILE}"))


def test_all_runs_are_written_once(runs: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    sync = ["wandb-sync", "tracking.mode=offline", "tracking.project=mine"]
    assert status_of([*sync, "first"]) == 0
    record = json.loads((runs[0] / RUN_FILE).read_text())
    [folder] = runs[0].parent.parent.glob(f"wandb/offline-run-*-{record['wandb']['run_id']}")
    assert capsys.readouterr().out == f"{record['run_id']}: written. To send it: wandb sync {folder}\n"
    check_run(runs[0])
    assert status_of(sync) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{runs[1].name}: written. ")
    assert lines[1:] == ["1 run had been written before."]
    assert status_of([*sync, "second", "@latest"]) == 0
    assert capsys.readouterr().out == "1 run had been written before.\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["seed=1"], "seed=1 is not a setting of tracking. Allowed: tracking.mode, "),
        (["project=mine"], "Did you mean tracking.project=mine?"),
        (["tracking.mode=disabled"], "sends nothing. Allowed here: online, offline."),
        (["nobody"], "'nobody' is neither a folder nor an experiment"),
        ([], "no finished run in results. Make one with `bakeoff run`"),
    ],
)
def test_what_can_not_be_sent_is_refused(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert status_of(["wandb-sync", *words]) == 2
    assert said in capsys.readouterr().err
