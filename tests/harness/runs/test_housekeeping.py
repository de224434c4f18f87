"""Removing runs, and what they take on the disk."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from harness.common.claims import Claim
from harness.common.errors import UserError
from harness.common.files import write_bytes, write_json
from harness.common.results_folder import CLAIM_FILE, FIT_FILE, PREFERENCE_FILE, RUN_FILE, ResultsFolder
from harness.runs.housekeeping import removable, remove, usage
from harness.runs.tuning.trials import TUNING_FOLDER, keep
from tests.commands import bakeoff
from tests.harness.runs.tuning.searches import trial

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


def test_a_fit_goes_with_the_last_of_its_runs(results: ResultsFolder) -> None:
    greedy, top_p = sorted(run for run in results.runs() if "unigram" in run.name)
    first = removable([greedy], results)
    assert [item.kind for item in first] == ["run", "answers"]
    remove(first)
    second = removable([top_p], results)
    assert [item.kind for item in second] == ["run", "fit", "answers", "scores", "scores", "scores", "scores"]
    remove(second)
    assert {run.name.split("-")[0] for run in results.runs()} == {"bigram"}
    fits = {path.name for path in (results.path / "fits").iterdir()}
    assert len(fits) == 1
    assert {path.name for path in (results.path / "answers").iterdir()} == fits
    assert len(list((results.path / "scores").iterdir())) == 4


def test_a_fit_that_a_trial_needs_stays(results: ResultsFolder) -> None:
    fits = sorted(path.name for path in (results.path / "fits").iterdir())
    keep(results.experiment("tuning") / TUNING_FOLDER, trial("bigram", 1, 2.0, fit_id=fits[0]))
    default, tuning = (results.experiment(name) for name in ("default", "tuning"))
    assert [item.path.name for item in removable(results.runs(), results) if item.kind == "fit"] == fits[1:]
    assert [item.path.name for item in removable([], results, [default]) if item.kind == "fit"] == fits[1:]
    assert [item.path.name for item in removable([], results, [default, tuning]) if item.kind == "fit"] == fits


def test_the_fits_before_stages_and_what_was_learnt_from_their_replies_go_with_the_last_run(
    results: ResultsFolder,
) -> None:
    greedy, top_p = sorted(run for run in results.runs() if "unigram" in run.name)
    [base] = {json.loads((run / RUN_FILE).read_text())["fit_id"] for run in (greedy, top_p)}
    write_json(results.fit("tuned") / FIT_FILE, {"fit_id": "tuned", "before": {"fit_id": base}})
    record = json.loads((top_p / RUN_FILE).read_text())
    write_json(top_p / RUN_FILE, {**record, "fit_id": "tuned"})
    for name, about in (("made", {"writer": base}), ("other", {"writer": "else"}), ("people", None)):
        write_bytes(results.bank(name) / "pairs.jsonl", b"{}\n")
        if about is not None:
            write_json(results.bank(name) / "bank.json", about)
        write_json(results.preference(f"of-{name}") / PREFERENCE_FILE, {"facts": {"bank": name}})
    assert {item.kind for item in removable([greedy], results)} == {"run", "answers"}
    assert {(item.kind, item.path.name) for item in removable([top_p], results) if item.kind == "fit"} == {
        ("fit", "tuned")
    }
    both = removable([greedy, top_p], results)
    assert {item.path.name for item in both if item.kind == "fit"} == {base, "tuned"}
    assert [(item.kind, item.path.name) for item in both[-2:]] == [
        ("ratings", "made"),
        ("preference model", "of-made"),
    ]
    assert ("ratings", "3 banks") in {(name, content) for name, content, _ in usage(results.path)}


def test_a_run_whose_last_stage_failed_has_no_fit_and_is_removed_as_others(results: ResultsFolder) -> None:
    greedy, top_p = sorted(run for run in results.runs() if "unigram" in run.name)
    record = json.loads((top_p / RUN_FILE).read_text())
    write_json(top_p / RUN_FILE, {**record, "fit_id": "never made", "status": "failed"})
    results.preference("being made").mkdir(parents=True)
    assert [(item.kind, item.path.name) for item in removable([top_p], results)] == [("run", top_p.name)]
    assert "fit" in {item.kind for item in removable([greedy], results)}


def test_what_is_left_is_whole(results: ResultsFolder) -> None:
    removed = [run for run in results.runs() if "unigram" in run.name]
    remove(removable(removed, results))
    done = bakeoff(results.path.parent, *SWEEP, "model=bigram", "decoding=greedy,top_p", "budget.tokens=2000")
    assert "all 2 runs of sweep" in done.stderr


def test_a_run_that_is_being_done_stays(results: ResultsFolder) -> None:
    run = results.runs()[0]
    claim = Claim(run / CLAIM_FILE)
    assert claim.take()
    with pytest.raises(UserError, match=r"is being done now, so it isn't removed"):
        removable([run], results)
    claim.release()
    assert removable([run], results)


def test_what_is_on_the_disk_is_counted_once(results: ResultsFolder) -> None:
    rows = usage(results.path)
    assert {name: content for name, content, _ in rows} == {
        "default": "4 runs",
        "fits": "2 fits",
        "answers": "2 fits",
        "scores": "8 files",
        "splits": "1 split",
        "sweeps": "1 sweep",
    }
    everything = sum(path.stat().st_size for path in results.path.rglob("*") if path.is_file())
    assert sum(num_bytes for _, _, num_bytes in rows) == everything
