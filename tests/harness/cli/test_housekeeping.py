"""The commands that keep house."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness.common.results_folder import ResultsFolder
from tests.commands import bakeoff
from tests.harness.runs.tuning.searches import SMALL

SWEEP = ("run", "-m", "data=chatterbot", "tracking=none", "evals=[arithmetic]", "evals.arithmetic.num_samples=2")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two fits with two strategies each."""
    folder = tmp_path_factory.mktemp("made")
    bakeoff(folder, *SWEEP, "model=unigram,bigram", "decoding=greedy,top_p", "budget.tokens=2000")
    return folder


@pytest.fixture
def results(made: Path, tmp_path: Path) -> ResultsFolder:
    shutil.copytree(made / "results", tmp_path / "results")
    return ResultsFolder(tmp_path / "results")


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_nothing_is_removed_without_a_yes(results: ResultsFolder) -> None:
    before = files(results.path)
    done = bakeoff(results.path.parent, "remove", "default", status=2)
    assert "nothing was removed: there is no terminal to ask on. Add --yes" in done.stderr
    assert files(results.path) == before
    bakeoff(results.path.parent, "remove", "nothing", "--yes", status=2)
    assert files(results.path) == before


def test_an_experiment_goes_with_all_that_only_it_needed(results: ResultsFolder) -> None:
    done = bakeoff(results.path.parent, "remove", "results/default", "--yes")
    assert "removed 4 runs, " in done.stdout
    assert {name.partition("/")[0] for name in files(results.path)} == {"splits"}
    assert not (results.path / "default").exists()


def test_a_tuning_experiment_goes_with_its_trials_and_their_fits(tmp_path: Path) -> None:
    results = ResultsFolder(tmp_path / "results")
    bakeoff(tmp_path, "tune", *SMALL[1:], "model=uniform,bigram", "tune.trials=2")
    shutil.copytree(results.experiment("tuning"), results.experiment("again"))
    fits = {f"results/fits/{fit.name}" for fit in (results.path / "fits").iterdir()}

    first = bakeoff(tmp_path, "remove", "tuning", "--yes", COLUMNS="200").stdout
    assert "results/tuning/tuning" in first
    assert "removed 0 runs, 0 fits" in first  # the trials of the other experiment need them
    assert not results.experiment("tuning").exists()
    assert "no run 'tuning'" in bakeoff(tmp_path, "remove", "tuning", "--yes", status=2).stderr

    asked = bakeoff(tmp_path, "remove", "again", status=2, COLUMNS="200").stdout
    assert len(fits) == 3
    assert all(shown in asked for shown in (*fits, "results/again/tuning"))
    assert "removed 0 runs, 3 fits: " in bakeoff(tmp_path, "remove", "again", "--yes").stdout
    assert {name.partition("/")[0] for name in files(results.path)} == {"splits"}
    assert not results.experiment("again").exists()


def test_the_results_folder_itself_is_no_experiment(tmp_path: Path) -> None:
    bakeoff(tmp_path, "tune", *SMALL[1:], "model=uniform")
    before = files(tmp_path)
    for name in (".", ".."):
        bakeoff(tmp_path, "remove", name, "--yes", status=2)
    assert files(tmp_path) == before


def test_the_sizes_of_all_parts_are_shown(results: ResultsFolder) -> None:
    head, *lines = filter(None, (line.split() for line in bakeoff(results.path.parent, "du").stdout.splitlines()))
    rows = {name: rest for name, *rest in lines}
    assert head == ["folder", "content", "size"]
    assert rows["default"][:2] == ["4", "runs"]
    assert rows["fits"][:2] == ["2", "fits"]
    assert "all" in rows
