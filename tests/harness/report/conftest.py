"""One report of made-up results, shared by the tests that look at it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.report import Report, write_report
from harness.report.comparison import Comparison
from harness.report.results import load
from tests.harness.report.fake_results import DECODINGS, MODELS, write_fake_results


@dataclass(frozen=True)
class Written:
    results: Path
    experiment: Path
    report: Report

    @property
    def folder(self) -> Path:
        return self.report.page.parent


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Eight models, four decoding strategies, one seed; with mishaps and hostile text."""
    results = tmp_path_factory.mktemp("results")
    experiment = write_fake_results(results)
    return Written(results, experiment, write_report(results))


@pytest.fixture(scope="session")
def three_seeds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three models at three seeds. Returns the results folder."""
    results = tmp_path_factory.mktemp("seeds")
    write_fake_results(results, num_seeds=3, models=MODELS[3:6])
    return results


@pytest.fixture
def no_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plots take most of a report's seconds: tests of other files do without."""
    monkeypatch.setattr("harness.report.draw_all", lambda comparison, verdicts: [])


@pytest.fixture(scope="session")
def small_unspoilt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The experiment's folder that `small` copies."""
    results = tmp_path_factory.mktemp("small")
    return write_fake_results(results, models=MODELS[3:5], num_documents=8, num_problems=30, mishaps=False)


@pytest.fixture
def small(small_unspoilt: Path, tmp_path: Path) -> Path:
    """Two models at one seed, small, without mishaps, to spoil. Returns the experiment's folder."""
    shutil.copytree(small_unspoilt.parent, tmp_path / "results")
    return tmp_path / "results" / small_unspoilt.name


@pytest.fixture
def compare() -> Callable[[Path], Comparison]:
    return lambda results: Comparison(load(results)[0])


@pytest.fixture
def decodings() -> list[str]:
    return sorted(DECODINGS)
