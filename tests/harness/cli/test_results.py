"""Commands that show results and options: their output and exit status."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
from pathlib import Path

import pytest

from harness.cli.main import status_of
from tests.commands import bakeoff
from tests.conftest import ROOT
from tests.harness.report.fake_results import MODELS, write_fake_results
from tests.harness.small_run import only_run


@pytest.mark.campaign
def test_a_report_is_made_where_torch_is_not_importable(uninterrupted: Path, tmp_path: Path) -> None:
    shutil.copytree(uninterrupted / "results", tmp_path / "results")
    for name in ("torch", "wandb", "hydra"):
        (tmp_path / "blocked" / name).mkdir(parents=True)
        (tmp_path / "blocked" / name / "__init__.py").write_text("raise ImportError('blocked by the test')")
    bakeoff(tmp_path, "report", fresh=True, PYTHONPATH=f"{tmp_path / 'blocked'}{os.pathsep}{ROOT}")
    assert (tmp_path / "results" / "default" / "report" / "report.html").is_file()


def test_a_report_that_leaves_a_broken_run_out_ends_with_status_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.report.draw_all", lambda comparison, verdicts: [])
    experiment = write_fake_results(tmp_path, models=MODELS[:1], num_documents=6, num_problems=15, mishaps=False)
    assert status_of(["report", str(experiment)]) == 0
    (experiment / "uniform-greedy-s0" / "run.json").write_text("[1,2]")
    capsys.readouterr()
    assert status_of(["report", str(experiment)]) == 1
    said = capsys.readouterr()
    assert "uniform-greedy-s0 is left out of the report" in said.err
    assert f"report: {experiment / 'report' / 'report.html'}" in said.out


def test_what_can_be_picked_is_listed_with_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of(["list", "models"]) == 0
    models = capsys.readouterr().out
    assert "model=" in models
    for name in ("ngram", "lstm", "transformer"):
        assert name in models
    assert status_of(["list", "evals"]) == 0
    assert "perplexity" in capsys.readouterr().out


def test_runs_are_listed_with_their_status(
    uninterrupted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert status_of(["list", "runs", "--results", str(uninterrupted / "results")]) == 0
    [line] = [line for line in capsys.readouterr().out.splitlines() if only_run(uninterrupted).name in line]
    assert line.split()[:2] == [f"default/{only_run(uninterrupted).name}", "complete"]
    assert line.split()[3] == "bits/byte"
    assert re.search(r"bits/byte +\d+ (s|min|h|days)$", line.rstrip())
    assert status_of(["list", "runs", "--results", str(tmp_path / "nowhere")]) == 2
    assert "there is no folder" in capsys.readouterr().err


def first_words(table: str) -> list[str]:
    return [line.split()[0] for line in table.splitlines() if line.strip(" ─")]


def test_a_report_is_over_runs_and_experiments_of_any_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    small = ["data=chatterbot", "tracking=none", "evals=[perplexity]"]
    for model, experiment in (("uniform", "first"), ("unigram", "second"), ("bigram", "second")):
        assert status_of(["run", f"model={model}", f"experiment_name={experiment}", *small]) == 0
    capsys.readouterr()
    assert status_of(["report", "first", "second/unigram"]) == 0
    page = tmp_path / "results" / "report" / "report.html"
    printed = capsys.readouterr().out
    assert printed.endswith(f"report: {page}\n")
    assert first_words(printed)[:3] == ["experiment", "first", "second"]
    with (page.parent / "summary.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {(row["experiment"], row["family"]) for row in rows} == {("first", "uniform"), ("second", "unigram")}
    assert status_of(["report", "@latest", "first", "--out", "both"]) == 0
    assert "bigram" in (tmp_path / "both" / "summary.csv").read_text()
    assert status_of(["report"]) == 0
    assert first_words(capsys.readouterr().out)[:3] == ["experiment", "first", "second"]
    assert status_of(["list", "runs", "--results", "results/first"]) == 0
    assert "first/uniform-greedy-s0-" in capsys.readouterr().out
    assert status_of(["list", "runs", "--results", "both"]) == 0
    assert "no runs in both" in capsys.readouterr().out
    assert status_of(["report", "third"]) == 2
    assert "no run 'third'" in capsys.readouterr().err


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
    [line] = [line for line in listed.splitlines() if "unreadable" in line]
    assert line.split()[:2] == [f"experiment/{shown}", "unreadable"]
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
