"""Finished runs, shared by tests."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness.runs import RunRecord, make_run
from tests.commands import bakeoff
from tests.harness.runs.plugin_runs import EVAL, EVALS, RUN

SMALL = ("data=chatterbot", "tokenizer=char", "budget.tokens=20_000", "evals=[perplexity,arithmetic]", "tracking=none")


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with two runs of one bigram that differ in the number of sums."""
    folder = tmp_path_factory.mktemp("results")
    for samples in (10, 20):
        make_run("model=bigram", *SMALL, f"evals.arithmetic.num_samples={samples}", f"results_dir={folder}")
    return folder


@pytest.fixture(scope="session")
def record(results: Path) -> RunRecord:
    """The record of the run that asks 10."""
    return make_run("model=bigram", *SMALL, "evals.arithmetic.num_samples=10", f"results_dir={results}")


@pytest.fixture(scope="session")
def finished_capitals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an eval plugin, and a run of it with perplexity and arithmetic."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "capitals.py").write_text(EVAL.replace("NAME", "capitals"))
    bakeoff(folder, *RUN, *EVALS)
    return folder


@pytest.fixture
def capitals(finished_capitals: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copytree(finished_capitals, tmp_path / "copy")
    return tmp_path / "copy"
