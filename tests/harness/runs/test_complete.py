"""Whether a run needs to be done."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness.common.results_folder import ResultsFolder
from harness.runs.complete import complete_record
from harness.runs.record import RunRecord
from tests.harness.small_run import only_run


@pytest.fixture
def run(uninterrupted: Path, tmp_path: Path) -> Path:
    """A copy of a finished run, with its fit."""
    for name in ("default", "fits"):
        shutil.copytree(uninterrupted / "results" / name, tmp_path / "results" / name)
    return only_run(tmp_path)


def fit_of(run: Path) -> Path:
    return ResultsFolder.around(run).fit(RunRecord.read(run).fit_id)


def test_a_finished_run_is_complete(run: Path) -> None:
    assert complete_record(run, fit_of(run)) == RunRecord.read(run)


@pytest.mark.parametrize("name", ["run.json", "samples.parquet", "config.yaml"])
def test_a_run_that_lacks_a_file_is_not(run: Path, name: str) -> None:
    fit = fit_of(run)
    (run / name).unlink()
    assert complete_record(run, fit) is None


@pytest.mark.parametrize("name", ["fit.json", "weights.safetensors", "tokenizer.json"])
def test_a_run_whose_fit_changed_is_not(run: Path, name: str) -> None:
    fit = fit_of(run)
    content = (fit / name).read_bytes()
    (fit / name).write_bytes(content[:-9] + content[-8:])
    assert complete_record(run, fit) is None
