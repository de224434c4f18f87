"""Scoring stored answers again, also with plugin files."""

from __future__ import annotations

import os
from pathlib import Path

from tests.commands import bakeoff
from tests.conftest import ROOT
from tests.harness.runs.plugin_runs import EVAL, EVALS, RUN, record_of, runs_in


def without_torch(folder: Path) -> dict[str, str]:
    for name in ("torch", "hydra", "wandb"):
        (folder / "blocked" / name).mkdir(parents=True, exist_ok=True)
        (folder / "blocked" / name / "__init__.py").write_text("raise ImportError('blocked by the test')")
    return {"PYTHONPATH": f"{folder / 'blocked'}{os.pathsep}{ROOT}"}


def test_rescoring_with_the_same_scorer_gives_the_same_run_without_torch(capitals: Path) -> None:
    [run] = runs_in(capitals)
    before, samples = record_of(run), (run / "samples.parquet").read_bytes()
    bakeoff(capitals, "rescore", run.name, "--plugin", "capitals.py", fresh=True, **without_torch(capitals))
    after = record_of(run)
    assert runs_in(capitals) == [run]
    assert (run / "samples.parquet").read_bytes() == samples
    changed = {name for name in after if after[name] != before[name]}
    # the plugin's file is in another folder now, and config.yaml says so
    assert changed <= {"finished_at", "rescored_from", "plugins", "files", "sha256"}


def test_rescoring_with_a_changed_scorer_makes_the_run_that_the_command_would(capitals: Path) -> None:
    [old] = runs_in(capitals)
    before = record_of(old)
    (capitals / "capitals.py").write_text(EVAL.replace("NAME", "capitals").replace("str.isupper", "str.islower"))
    bakeoff(capitals, "rescore", old.name, "--plugin", "capitals.py", fresh=True, **without_torch(capitals))
    assert record_of(old) == before
    [new] = set(runs_in(capitals)) - {old}
    value = {metric["metric"]: metric["value"] for metric in record_of(new)["metrics"]}
    assert value["capitals"] > 0.3
    assert record_of(new)["rescored_from"] == old.name
    done = bakeoff(capitals, *RUN, *EVALS)
    assert f"{new.name} is complete; nothing to do" in done.stderr


def test_rescoring_says_when_something_was_never_asked(capitals: Path) -> None:
    [old] = runs_in(capitals)
    (capitals / "capitals.py").write_text(EVAL.replace("NAME", "capitals").replace('"NOW"', '"NEVER"'))
    bakeoff(capitals, "rescore", old.name, "--plugin", "capitals.py", status=1)
    [new] = set(runs_in(capitals)) - {old}
    assert "1 of the 4 requests of capitals have no stored answer" in record_of(new)["error"]
    assert record_of(new)["status"] == "partial"
    assert {metric["eval"] for metric in record_of(new)["metrics"]} == {"perplexity", "arithmetic"}


def test_a_run_is_not_scored_again_with_a_file_that_nobody_named(capitals: Path) -> None:
    [run] = runs_in(capitals)
    done = bakeoff(capitals, "rescore", run.name, status=2)
    assert "--plugin" in done.stderr
    assert "capitals.py" in done.stderr
    done = bakeoff(capitals, "run", "--config-from", run.name, "--plugin", "capitals.py")
    assert f"{run.name} is complete; nothing to do" in done.stderr
