"""The command line as a user meets it: whole processes, real data, small budgets."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

SMALL = (
    "data=chatterbot",
    "tracking=none",
    "budget.tokens=40000",
    "training.checkpoint_seconds=0.05",
    "evals.arithmetic.num_samples=20",
    "evals.turn_taking.num_samples=10",
    "evals.turn_taking.max_new_tokens=40",
    "evals.format_questions.max_new_tokens=40",
    "evals.turn_ends.num_samples=10",
    "evals.showcase.max_new_tokens=20",
)
LSTM = ("model=lstm", "model.d_model=48", "training.num_validations=4")


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "harness.cli.main", *arguments]


def environment(**extra: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **extra}


def bakeoff(folder: Path, *arguments: str, status: int = 0, **extra: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command(*arguments), cwd=folder, env=environment(**extra), capture_output=True, text=True, timeout=300
    )
    assert done.returncode == status, f"{done.stdout}\n{done.stderr}"
    return done


def only_run(folder: Path) -> Path:
    [found] = (folder / "results").glob("default/*/run.json")
    return found.parent
