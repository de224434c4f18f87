"""The layout of a results folder: one set of reserved names, one rule for what is a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.common.errors import UserError
from harness.common.results_folder import CONFIG_FILE, RESERVED, RUN_FILE, ResultsFolder, report_of
from harness.config.compose import compose
from harness.report.results import load
from harness.runs.lookup import find_run
from harness.runs.settings import typed
from tests.harness.report.fake_results import write_fake_results


@pytest.mark.parametrize(
    "name", ["fits", "answers", "scores", "splits", "ratings", "preferences", "wandb", "report", "reference"]
)
def test_no_experiment_may_take_a_name_that_means_something_else(name: str) -> None:
    with pytest.raises(UserError, match=f"experiment_name='{name}' cannot name.*taken"):
        typed(compose([f"experiment_name={name}"]))


def test_all_other_folders_of_results_have_reserved_names(tmp_path: Path) -> None:
    results = ResultsFolder(tmp_path)
    shared = (results.fit("f"), results.answers("f"), results.scores("s"), results.split("d"), results.bank("b"))
    shared += (results.preference("p"),)
    beside = {*(path.parent for path in shared), results.wandb}
    assert {path.name for path in (*beside, report_of(tmp_path))} <= set(RESERVED)
    run = results.run("mine", "run-1")
    assert report_of(results.experiment("mine")).parent == run.parent
    assert ResultsFolder.around(run) == ResultsFolder(tmp_path.resolve())


@pytest.mark.parametrize("name", ["fits", "answers", "scores", "splits", "fits/abc", "answers/abc"])
def test_a_file_in_place_of_a_folder_is_refused(name: str, tmp_path: Path) -> None:
    ResultsFolder(tmp_path / "absent").check("abc")
    ResultsFolder(tmp_path).run("mine", "fits").mkdir(parents=True)
    ResultsFolder(tmp_path).check("abc")
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    with pytest.raises(UserError, match=f"{name} must be a folder, but is a file"):
        ResultsFolder(tmp_path).check("abc")


def test_a_run_is_found_by_its_record_or_by_its_configuration(tmp_path: Path) -> None:
    results = ResultsFolder(tmp_path)
    for run, file in (("finished", RUN_FILE), ("begun", CONFIG_FILE), ("stray", "notes.txt")):
        folder = results.run("mine", run)
        folder.mkdir(parents=True)
        (folder / file).write_text("{}")
    (tmp_path / "fits" / "abc").mkdir(parents=True)
    (tmp_path / "fits" / "abc" / CONFIG_FILE).touch()
    assert [folder.name for folder in results.runs()] == ["begun", "finished"]
    assert find_run("fin", tmp_path) == results.run("mine", "finished")
    with pytest.raises(UserError, match="no run 'stray'"):
        find_run("stray", tmp_path)


def test_reports_and_lists_see_the_same_runs(tmp_path: Path) -> None:
    write_fake_results(tmp_path, mishaps=True)
    reported = {run.folder for results in load(tmp_path) for run in results.runs}
    unfinished = {folder for results in load(tmp_path) for folder in results.unfinished}
    assert reported | unfinished == set(ResultsFolder(tmp_path).runs())


@pytest.mark.parametrize("name", ["", ".", "../x", "a/b", ".hidden", "a" * 101])
def test_a_bank_has_the_name_of_a_folder(tmp_path: Path, name: str) -> None:
    assert ResultsFolder(tmp_path).bank("mine-2.0").parent == ResultsFolder(tmp_path).ratings
    with pytest.raises(UserError, match="can't name a bank of ratings"):
        ResultsFolder(tmp_path).bank(name)
