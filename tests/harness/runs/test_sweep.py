"""Sweeps whose jobs run in other processes: what became of them is read from their records."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests.commands import bakeoff
from tests.conftest import ROOT

SWEEP = (
    "run",
    "-m",
    "hydra/launcher=forking",
    "data=chatterbot",
    "tracking=none",
    "budget.tokens=2000",
    "evals=[arithmetic]",
    "evals.arithmetic.num_samples=2",
)
PATHS = {"PYTHONPATH": f"{ROOT / 'tests' / 'forking_launcher'}{os.pathsep}{ROOT}"}


def statuses(folder: Path) -> list[str]:
    records = [json.loads(path.read_text()) for path in (folder / "results").glob("default/*/run.json")]
    return sorted(record["status"] for record in records)


def test_a_sweep_in_other_processes_ends_with_status_0_where_all_its_runs_are_complete(tmp_path: Path) -> None:
    done = bakeoff(tmp_path, *SWEEP, "model=unigram,bigram", **PATHS)
    assert statuses(tmp_path) == ["complete", "complete"]
    assert "2 complete" in done.stdout


def test_a_run_that_failed_in_another_process_is_status_1(tmp_path: Path) -> None:
    small = ("model=lstm", "model.d_model=48", "training.max_grad_norm=1e30", "budget.tokens=40000")
    done = bakeoff(tmp_path, *SWEEP, *small, "model.learning_rate=1e30,0.004", status=1, **PATHS)
    assert statuses(tmp_path) == ["complete", "failed"]
    assert "1 failed, 1 complete" in done.stdout


def test_a_run_that_another_process_never_finished_is_status_1(tmp_path: Path) -> None:
    # the second needs more parameters than it may have, which is found out when it is fitted
    done = bakeoff(tmp_path, *SWEEP, "model=unigram,lstm", "budget.num_params=300", status=1, **PATHS)
    assert statuses(tmp_path) == ["complete"]
    assert "1 not finished" in done.stdout
