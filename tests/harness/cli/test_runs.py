"""Commands that make runs, and look at many: what they do, and with what status they end."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from harness.cli import runs
from harness.cli.main import status_of
from harness.runs.record import RunRecord, check_run
from harness.runs.settings import RunSettings
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
    assert line.split()[1:4] == ["default", "complete", "bits_per_byte"]
    assert line.split()[-1] == "ago"
    assert status_of(["list", "runs", "--results", str(tmp_path / "nowhere")]) == 2
    assert "there is no folder" in capsys.readouterr().err


def test_a_sweep_says_where_it_is_and_ends_with_a_row_a_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    overrides = ["data=chatterbot", "tracking=none", "evals=[perplexity]", f"results_dir={tmp_path}"]
    assert status_of(["run", "-m", "model=uniform,unigram", *overrides]) == 0
    printed = capsys.readouterr()
    assert "run 1 of 2\n" in printed.err
    assert re.search(r"run 2 of 2, about \d+ s left\n", printed.err)
    rows = [line.split() for line in printed.out.splitlines() if line.strip().startswith("uni")]
    records = {json.loads(path.read_text())["run_id"]: path for path in tmp_path.glob("default/*/run.json")}
    assert {row[0] for row in rows} == set(records)
    for run_id, status, bits in rows:
        [metric] = [
            metric
            for metric in json.loads(records[run_id].read_text())["metrics"]
            if (metric["metric"], metric["slice"]) == ("bits_per_byte", "all")
        ]
        assert (status, bits) == ("complete", f"{metric['value']:.4g}")
    assert printed.out.endswith("2 runs: 2 complete\n")
    notes = [line for line in printed.out.splitlines() if line.startswith("note on ")]
    assert notes
    assert all(note.startswith("note on 2 runs: ") for note in notes)
    assert len(notes) == len(set(notes))
    assert status_of(["run", "-m", "model=uniform,unigram", *overrides]) == 0
    assert "run 2 of 2\n" in capsys.readouterr().err  # what is done already says nothing about what is left


def test_a_sweep_that_is_interrupted_says_what_is_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = runs._do

    def interrupted(settings: RunSettings, *rest: Any) -> RunRecord:
        if settings.names["model"] == "unigram":
            raise KeyboardInterrupt
        return done(settings, *rest)

    monkeypatch.setattr(runs, "_do", interrupted)
    overrides = ["data=chatterbot", "tracking=none", "evals=[perplexity]", f"results_dir={tmp_path}"]
    with pytest.raises(KeyboardInterrupt):
        status_of(["run", "-m", "model=uniform,unigram,bigram", *overrides])
    assert capsys.readouterr().out.endswith("3 runs: 1 complete, 2 not finished\n")


def test_a_report_is_over_runs_and_experiments_of_any_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    small = ["data=chatterbot", "tracking=none", "evals=[perplexity]"]
    for model, experiment in (("uniform", "first"), ("unigram", "second"), ("bigram", "second")):
        assert status_of(["run", f"model={model}", f"experiment_name={experiment}", *small]) == 0
    capsys.readouterr()
    assert status_of(["report", "first", "second/unigram"]) == 0
    page = tmp_path / "results" / "report" / "report.html"
    printed = capsys.readouterr().out
    assert printed.endswith(f"report: {page}\n")
    assert [line.split()[0] for line in printed.splitlines()[:3]] == ["experiment", "first", "second"]
    with (page.parent / "summary.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {(row["experiment"], row["family"]) for row in rows} == {("first", "uniform"), ("second", "unigram")}
    assert status_of(["report", "@latest", "first", "--out", "both"]) == 0
    assert "bigram" in (tmp_path / "both" / "summary.csv").read_text()
    assert status_of(["report", "third"]) == 2
    assert "no run 'third'" in capsys.readouterr().err


def test_runs_are_mirrored_later(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert status_of(["run", "model=uniform", "data=chatterbot", "tracking=none", "evals=[perplexity]"]) == 0
    capsys.readouterr()
    assert status_of(["mirror", "@latest", "tracking.project=mine"]) == 0
    [path] = tmp_path.glob("results/default/*/run.json")
    record = json.loads(path.read_text())
    assert capsys.readouterr().out == f"{record['run_id']}: offline\n"
    assert record["wandb"]["run_id"]
    assert list(tmp_path.glob(f"results/wandb/offline-run-*-{record['wandb']['run_id']}"))
    check_run(path.parent)
    for words, said in ((["tracking.mode=online"], "name at least one run"), (["@latest", "seed=1"], "seed=1 says no")):
        assert status_of(["mirror", *words]) == 2
        assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "shown"),
    [("[red]r", "[red]r"), ("r\x1b[2J", "r\\x1b[2J"), ("r\u202eu", "r\\u202eu"), ("r\rs", "r\\x0ds")],
)
def test_names_from_another_s_results_folder_are_shown_as_they_are_and_control_nothing(
    name: str, shown: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    run = tmp_path / "experiment" / name
    run.mkdir(parents=True)
    (run / "run.json").write_text("[1, 2]")
    assert status_of(["list", "runs", "--results", str(tmp_path)]) == 0
    listed = capsys.readouterr().out
    [line] = [line for line in listed.splitlines() if "experiment " in line and "damaged" in line]
    assert line.split()[:3] == [shown, "experiment", "damaged"]
    assert not {"\x1b", "\r", "\u202e"} & set(listed)


def test_a_status_that_looks_like_markup_is_shown_as_it_is(
    uninterrupted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    run = tmp_path / "experiment" / "run"
    run.mkdir(parents=True)
    record = json.loads((only_run(uninterrupted) / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**record, "status": "[/nope]"}))
    assert status_of(["list", "runs", "--results", str(tmp_path)]) == 0
    assert "[/nope]" in capsys.readouterr().out


def test_a_message_that_repeats_control_characters_spells_them_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of(["list", "runs", "--results", "no\x1b[2Jwhere"]) == 2
    assert "no\\x1b[2Jwhere" in capsys.readouterr().err
