"""Commands that make runs: their effects, output and exit status."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from harness.cli.main import status_of
from harness.runs.plan import RunPlan
from harness.runs.settings import RunSettings
from harness.workers import worker
from tests.commands import bakeoff, refused_without_torch
from tests.harness.small_run import LSTM, SMALL, only_run


def test_the_same_command_again_does_nothing(uninterrupted: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (uninterrupted / "results").rglob("*") if path.is_file()}
    done = bakeoff(uninterrupted, "run", *SMALL, *LSTM)
    assert "nothing to do" in done.stderr
    after = {path: path.stat().st_mtime_ns for path in (uninterrupted / "results").rglob("*") if path.is_file()}
    assert {path for path in after if after[path] != before.get(path)} <= {only_run(uninterrupted) / ".claim"}


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


def test_a_sweep_says_where_it_is_and_ends_with_a_row_a_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    overrides = ["data=chatterbot", "tracking=none", "evals=[perplexity]", "sweep.workers=1", f"results_dir={tmp_path}"]
    assert status_of(["run", "-m", "model=uniform,unigram", *overrides]) == 0
    printed = capsys.readouterr()
    assert "run 1 of 2\n" in printed.err
    assert re.search(r"run 2 of 2(, about [1-9]\d* s left)?\n", printed.err)
    assert "differs in" not in printed.out
    rows = [line.split() for line in printed.out.splitlines() if line.strip().startswith("uni")]
    records = {json.loads(path.read_text())["run_id"]: path for path in tmp_path.glob("default/*/run.json")}
    assert {row[0] for row in rows} == set(records)
    for run_id, status, bits in rows:
        [metric] = [
            metric
            for metric in json.loads(records[run_id].read_text())["metrics"]
            if (metric["metric"], metric["slice"]) == ("bits_per_byte", "all")
        ]
        assert (status, bits) == ("complete", f"{metric['value']:.3f}")
    assert printed.out.endswith("2 runs: 2 complete\n")
    notes = [line for line in printed.out.splitlines() if line.startswith("note on ")]
    assert notes
    assert all(note.startswith("note on 2 runs: ") for note in notes)
    assert len(notes) == len(set(notes))
    assert status_of(["run", "-m", "model=uniform,unigram", "budget.tokens=500,900", *overrides]) == 0
    swept = [line.split() for line in capsys.readouterr().out.splitlines() if line.strip().startswith("uni")]
    assert [row[1] for row in swept] == ["tokens=500", "tokens=900"] * 2
    assert status_of(["run", "-m", "model=uniform,unigram", *overrides]) == 0
    assert "all 2 runs of sweep default-" in capsys.readouterr().err


def test_a_sweep_that_is_interrupted_says_what_is_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = worker.plan

    def interrupted(settings: RunSettings, *rest: Any) -> RunPlan:
        if settings.names["model"] == "unigram":
            raise KeyboardInterrupt
        return plan(settings, *rest)

    monkeypatch.setattr(worker, "plan", interrupted)
    overrides = ["data=chatterbot", "tracking=none", "evals=[perplexity]", "sweep.workers=1", f"results_dir={tmp_path}"]
    with pytest.raises(KeyboardInterrupt):
        status_of(["run", "-m", "model=uniform,unigram,bigram", *overrides])
    assert capsys.readouterr().out.endswith("3 runs: 1 complete, 2 not finished\n")


def test_an_impossible_run_of_a_sweep_is_named_and_the_others_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    overrides = [
        "model=lstm",
        "data=chatterbot",
        "tracking=none",
        "evals=[perplexity]",
        "sweep.workers=1",
        f"results_dir={tmp_path}",
    ]
    sizes = "budget.num_params=10,20000"
    assert status_of(["run", "-m", sizes, "budget.tokens=2000", "training.batch_tokens=512", *overrides]) == 2
    printed = capsys.readouterr()
    assert "budget.num_params=10 is too small" in printed.err
    assert printed.out.endswith("2 runs: 1 complete, 1 not finished\n")


# Runs that can't be, and what is said of them.
REFUSED = {
    ("run", "model.order=0"): "order=0 is not allowed for model=ngram: it must be 1 to 20",
    ("run", "model=lstm", "model.d_model=0"): "d_model=0 is not allowed for model=lstm: it must be 1 or more",
    ("run", "model=hf", "model.path=absent"): "no such folder",
    ("run", "data=text"): "data=text needs files: set data.paths",
    ("run", "data=text", "data.paths=absent"): "data=text found nothing to read at 'absent'",
    (
        "run",
        "data=chatterbot",
        "results_dir=dangling",
    ): "dangling is a link to nothing. Name another folder",
    ("run", "data=chatterbot", "training.continue_from=absent"): "no run 'absent'",
    ("run", "data=chatterbot", "decoding=speculative", "decoding.search.draft=absent"): "no run 'absent'",
    ("run", "--config-from", "absent"): "no run 'absent'",
    ("run", "-m", "seed=0,x"): "seed='x' is not allowed",
    ("compare", "seed=0,x"): "seed='x' is not allowed",
    ("compare", "data=text"): "data=text needs files: set data.paths",
}


def test_a_file_in_place_of_a_folder_of_results_refuses_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("results").mkdir()
    for name in ("fits", "scores", "answers"):
        Path("results", name).touch()
        assert status_of(["run", "model=uniform", "data=chatterbot", "tracking=none", "evals=[perplexity]"]) == 2
        assert f"results/{name} must be a folder, but is a file." in capsys.readouterr().err
        assert [path.name for path in Path("results").iterdir()] == [name]
        Path("results", name).unlink()


def test_a_run_that_can_not_be_is_refused_before_torch_is_loaded_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "dangling").symlink_to("nowhere/deep")
    told = refused_without_torch(list(REFUSED), tmp_path)
    assert len(told) == len(REFUSED)
    for message, said in zip(REFUSED.values(), told, strict=True):
        assert message in said
    assert [path.name for path in tmp_path.iterdir()] == ["dangling"]
