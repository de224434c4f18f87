"""Runs and their fits are found by their names."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from harness.common.errors import UserError
from harness.common.results_folder import CONFIG_FILE
from harness.runs import RunRecord
from harness.runs.lookup import find_fit, find_run


def test_a_run_is_found_by_its_id_a_prefix_of_it_alone_and_its_folder(results: Path, record: RunRecord) -> None:
    folder = results / "default" / record.run_id
    assert find_run(record.run_id, results) == folder
    assert find_run(record.run_id[:-1], results) == folder
    assert find_run(str(folder), results / "nowhere") == folder


def test_a_run_of_several_experiments_is_named_with_its_experiment(
    results: Path, record: RunRecord, tmp_path: Path
) -> None:
    for experiment in ("first", "second"):
        shutil.copytree(results / "default" / record.run_id, tmp_path / experiment / record.run_id)
    for experiment in ("first", "second"):
        folder = tmp_path / experiment / record.run_id
        assert find_run(f"{experiment}/{record.run_id}", tmp_path) == folder
        assert find_run(f"{experiment}/bigram", tmp_path) == folder
    with pytest.raises(UserError, match=r"'first' is an experiment.*first/@latest"):
        find_run("first", tmp_path)
    for name, said in (
        (record.run_id, "matches 2 runs.*first/bigram"),
        ("third/bigram", "no run 'third/bigram'.*all 2"),
    ):
        with pytest.raises(UserError, match=said):
            find_run(name, tmp_path)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("bigram", "'bigram' matches 2 runs: .*Give more of the id"),
        ("", r"the name of the run is empty \(got ''\).*@latest"),
        ("default/", "the name of the run is empty.*default/@latest"),
        ("bigrma-greedy-s0-00000000", "no run 'bigrma.*`bakeoff list runs` shows all 2"),
    ],
)
def test_a_name_of_several_runs_or_of_none_is_refused(results: Path, name: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        find_run(name, results)


def test_many_runs_of_a_name_are_not_all_listed(tmp_path: Path) -> None:
    for number in range(43):
        folder = tmp_path / "mine" / f"lstm-{number:02}"
        folder.mkdir(parents=True)
        (folder / CONFIG_FILE).touch()
    with pytest.raises(UserError, match=r"'lstm' matches 43 runs: .*/lstm-04, \.\.\.\. Give more") as refused:
        find_run("lstm", tmp_path)
    assert "lstm-05" not in str(refused.value)


def test_a_run_that_failed_has_no_fit_and_the_message_says_why(
    results: Path, record: RunRecord, tmp_path: Path
) -> None:
    folder = tmp_path / "default" / record.run_id
    folder.mkdir(parents=True)
    replace(record, status="failed", error="fit: MemoryError", metrics=[]).write(folder)
    with pytest.raises(UserError, match=r"failed, so it has no fitted model \(fit: MemoryError\).*--config-from"):
        find_fit(record.run_id, tmp_path)


def test_a_file_with_the_name_of_a_folder_of_results_is_named(results: Path, record: RunRecord, tmp_path: Path) -> None:
    shutil.copytree(results / "default", tmp_path / "default")
    (tmp_path / "fits").touch()
    with pytest.raises(UserError, match=r"fits must be a folder, but is a file\. Move it away"):
        find_fit(record.run_id, tmp_path)


def test_without_runs_the_message_says_how_to_make_one(tmp_path: Path) -> None:
    for empty in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(UserError, match=r"holds no runs\. Make one with `bakeoff run`"):
            find_run("any", empty)


def test_a_fit_is_found_by_its_id_by_a_run_s_id_and_by_a_run_s_folder(
    results: Path, record: RunRecord, tmp_path: Path
) -> None:
    run, fit_id = results / "default" / record.run_id, record.fit_id
    fits = [find_fit(name, results) for name in (fit_id, run.name, run.name[:-1], str(run))]
    assert {fit.resolve() for fit in fits} == {(results / "fits" / fit_id).resolve()}
    assert find_fit(str(run), tmp_path) == fits[-1]
    with pytest.raises(UserError, match="no run"):
        find_fit(fit_id, tmp_path)


def test_the_latest_and_the_best_are_found_in_all_runs_and_in_an_experiment(record: RunRecord, tmp_path: Path) -> None:
    [bits] = [metric for metric in record.metrics if (metric.metric, metric.slice) == ("bits_per_byte", "all")]
    runs = (
        ("first", "a", 2.5, "03"),
        ("first", "b", 1.5, "01"),
        ("second", "c", 2.0, "02"),
        ("second", "d", 2.0, "04"),
    )
    for experiment, name, value, day in runs:
        (tmp_path / experiment / name).mkdir(parents=True)
        metrics = [replace(bits, value=value)]
        changed = replace(record, run_id=name, metrics=metrics, finished_at=f"2025-11-{day}T00:00:00+00:00")
        changed.write(tmp_path / experiment / name)
    names = ("@latest", "@best", "first/@latest", "second/@best", "second/@latest")
    assert [find_run(name, tmp_path).name for name in names] == ["d", "b", "a", "d", "d"]


def test_the_best_of_several_texts_is_refused_and_the_latest_of_none(record: RunRecord, tmp_path: Path) -> None:
    (tmp_path / "first" / "begun").mkdir(parents=True)
    (tmp_path / "first" / "begun" / "config.yaml").write_text("")
    with pytest.raises(UserError, match="@latest: none of the 1 runs is finished"):
        find_run("@latest", tmp_path)
    (tmp_path / "first" / "c").mkdir()
    replace(record, run_id="c", metrics=[]).write(tmp_path / "first" / "c")
    with pytest.raises(UserError, match="no run measured them"):
        find_run("@best", tmp_path)
    for name in ("a", "b"):
        (tmp_path / "first" / name).mkdir()
        replace(record, run_id=name, data={**record.data, "fingerprint": name}).write(tmp_path / "first" / name)
    with pytest.raises(UserError, match="measured them on 2 different texts"):
        find_run("@best", tmp_path)
