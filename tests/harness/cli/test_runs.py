"""Commands that make runs, and look at many: what they do, and with what status they end."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from harness.cli.main import status_of
from tests.commands import bakeoff
from tests.conftest import ROOT
from tests.harness.small_run import LSTM, SMALL, only_run


def test_the_same_command_again_does_nothing(uninterrupted: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (uninterrupted / "results").rglob("*") if path.is_file()}
    done = bakeoff(uninterrupted, "run", *SMALL, *LSTM)
    assert "nothing to do" in done.stderr
    after = {path: path.stat().st_mtime_ns for path in (uninterrupted / "results").rglob("*") if path.is_file()}
    assert {path for path in after if after[path] != before.get(path)} <= {only_run(uninterrupted) / ".lock"}


def test_the_saved_configuration_makes_the_same_run(uninterrupted: Path) -> None:
    done = bakeoff(uninterrupted, "run", "--config-from", only_run(uninterrupted).name)
    assert only_run(uninterrupted).name in done.stdout
    assert "nothing to do" in done.stderr


def test_a_fit_that_diverges_is_a_failed_run_and_status_1(tmp_path: Path) -> None:
    overrides = (*SMALL, *LSTM, "model.learning_rate=1e30,0.004", "training.max_grad_norm=1e30")
    done = bakeoff(tmp_path, "run", "-m", *overrides, status=1)
    assert "Lower model.learning_rate" in done.stderr
    records = [json.loads(path.read_text()) for path in (tmp_path / "results").glob("default/*/run.json")]
    assert {record["model"]["learning_rate"]: record["status"] for record in records} == {
        1e30: "failed",
        0.004: "complete",
    }
    [failed] = [record for record in records if record["status"] == "failed"]
    assert "Diverged" in failed["error"]
    assert failed["metrics"] == []
    bakeoff(tmp_path, "report")
    page = (tmp_path / "results" / "default" / "report" / "report.html").read_text()
    assert "Diverged" in page


def test_a_report_is_made_where_torch_is_not_importable(uninterrupted: Path, tmp_path: Path) -> None:
    shutil.copytree(uninterrupted / "results", tmp_path / "results")
    for name in ("torch", "wandb", "hydra"):
        (tmp_path / "blocked" / name).mkdir(parents=True)
        (tmp_path / "blocked" / name / "__init__.py").write_text("raise ImportError('blocked by the test')")
    bakeoff(tmp_path, "report", fresh=True, PYTHONPATH=f"{tmp_path / 'blocked'}{os.pathsep}{ROOT}")
    assert (tmp_path / "results" / "default" / "report" / "report.html").is_file()


def test_an_earlier_run_s_configuration_is_taken_from_the_results_folder_that_is_named(
    uninterrupted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, results = only_run(uninterrupted), uninterrupted / "results"
    before = sorted(path for path in results.rglob("*") if path.is_dir())
    assert status_of(["run", "--config-from", run.name, f"results_dir={results}"]) == 0
    assert run.name in capsys.readouterr().out
    assert sorted(path for path in results.rglob("*") if path.is_dir()) == before
    assert status_of(["run", "--config-from", run.name, f"results_dir={results}", "seed=1"]) == 2
    assert "results_dir= (got seed=1)" in capsys.readouterr().err


def test_what_can_be_picked_is_listed_with_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of(["list", "models"]) == 0
    models = capsys.readouterr().out
    assert "model=" in models
    for name in ("ngram", "lstm", "transformer"):
        assert name in models
    assert status_of(["list", "evals"]) == 0
    assert "perplexity" in capsys.readouterr().out


def test_runs_are_listed_with_what_became_of_them(
    uninterrupted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert status_of(["list", "runs", "--results", str(uninterrupted / "results")]) == 0
    [line] = [line for line in capsys.readouterr().out.splitlines() if only_run(uninterrupted).name in line]
    assert line.split()[1:3] == ["default", "complete"]
    assert status_of(["list", "runs", "--results", str(tmp_path / "nowhere")]) == 2
    assert "there is no folder" in capsys.readouterr().err
