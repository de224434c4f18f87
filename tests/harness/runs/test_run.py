"""Runs that name other runs, wherever those lie."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness.cli.main import status_of
from harness.common.errors import UserError
from harness.config.compose import compose
from harness.report.comparison import Comparison
from harness.report.results import load
from harness.runs.record import RunRecord
from harness.runs.run import plan, run
from harness.runs.settings import typed
from harness.runs.tracking import Mirror
from harness.training.workshop import Prepared
from tests.commands import bakeoff
from tests.harness.runs.plugin_runs import EVAL, EVALS, MODEL, RUN, record_of, runs_in

SMALL = ("data=chatterbot", "tracking=none", "budget.tokens=3000", "evals=[arithmetic]")
FEW = (*SMALL, "evals.arithmetic.num_samples=2", "evals.arithmetic.max_new_tokens=4")
NGRAM = (*FEW, "model=ngram", "model.order=3", "model.keep_counts=true")
DRAFTED = (*FEW, "model=bigram", "decoding=speculative")


def done(results: Path, *overrides: str) -> tuple[RunRecord, Path]:
    """A finished run: its record and its folder."""
    planned = plan(typed(compose([*overrides, f"results_dir={results}"])), Prepared())
    return run(planned, Mirror()), planned.folder


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run, in a results folder of its own."""
    return done(tmp_path_factory.mktemp("elsewhere") / "results", *NGRAM)[1]


def test_a_plan_names_the_run_s_folder_and_its_parts(first: Path) -> None:
    planned = plan(typed(compose([*NGRAM, f"results_dir={first.parent.parent}"])), Prepared())
    record = RunRecord.read(first)
    assert planned.folder == first
    assert (planned.run_id, planned.fit_id, planned.decoding_id) == (first.name, record.fit_id, record.decoding_id)


def test_a_run_in_another_results_folder_is_gone_on_from(first: Path, tmp_path: Path) -> None:
    here, _ = done(tmp_path / "results", *NGRAM, f"training.continue_from={first}")
    beside, _ = done(first.parent.parent, *NGRAM, f"training.continue_from={first.name}")
    assert here.status == "complete"
    assert (here.run_id, here.fit_id) == (beside.run_id, beside.fit_id)
    assert here.fit_id != RunRecord.read(first).fit_id


def test_what_a_run_goes_on_from_is_recorded_the_same_for_every_seed(tmp_path: Path) -> None:
    results = tmp_path / "results"
    recipes = []
    for order, seed in ((3, 0), (3, 1), (2, 0)):
        small = [*NGRAM, f"model.order={order}", f"seed={seed}", "evals.arithmetic.num_samples=1"]
        parent = done(results, *small)[0]
        child = done(results, *small, f"training.continue_from={parent.run_id}")[0]
        grandchild = done(results, *small, f"training.continue_from={child.run_id}")[0]
        assert parent.recipes == {}
        assert child.training["continue_from"] == parent.fit_id
        recipes.append((child.recipes[parent.fit_id], grandchild.recipes[child.fit_id]))
    one, same, other = recipes
    assert one == same
    assert not set(one) & set(other)
    assert len(Comparison(load(results / "default")[0]).systems) == 6  # parent, child and grandchild of each order


def test_a_fit_that_does_not_say_what_it_is_is_refused(first: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    shutil.copytree(first.parent.parent, results)
    fit = results / "fits" / RunRecord.read(first).fit_id / "fit.json"
    fit.write_text("{}")
    with pytest.raises(UserError, match="does not say what was fitted"):
        done(results, *NGRAM, f"training.continue_from={first.name}")


def test_a_draft_in_another_results_folder_drafts(first: Path, tmp_path: Path) -> None:
    here, folder = done(tmp_path / "results", *DRAFTED, f"decoding.search.draft={first}")
    beside, beside_folder = done(first.parent.parent, *DRAFTED, f"decoding.search.draft={first.name}")
    assert here.status == "complete"
    assert here.run_id == beside.run_id
    assert here.decoding["search"]["draft"] == RunRecord.read(first).fit_id
    # what the run's own decoding names is found from any folder
    for run_folder in (folder, beside_folder):
        assert status_of(["complete", str(run_folder), "Human: ", "--max-new-tokens", "3"]) == 0


def test_a_mended_eval_is_asked_and_the_others_are_not_asked_again(capitals: Path) -> None:
    (capitals / "capitals.py").write_text("raise ValueError('not today')\n")
    bakeoff(capitals, *RUN, *EVALS, status=1)
    (capitals / "capitals.py").write_text(EVAL.replace("NAME", "capitals"))
    scores = {path: path.stat().st_mtime_ns for path in (capitals / "results" / "scores").iterdir()}
    bakeoff(capitals, *RUN, *EVALS)
    assert {path: path.stat().st_mtime_ns for path in (capitals / "results" / "scores").iterdir()} == scores


def test_a_changed_eval_is_not_served_what_the_old_one_found(capitals: Path) -> None:
    (capitals / "capitals.py").write_text(EVAL.replace("NAME", "capitals").replace("str.isupper", "str.islower"))
    bakeoff(capitals, *RUN, *EVALS)
    old, new = sorted(runs_in(capitals), key=lambda run: record_of(run)["finished_at"])
    values = [
        next(one["value"] for one in record_of(run)["metrics"] if one["metric"] == "capitals") for run in (old, new)
    ]
    assert values[0] != values[1]


def test_a_model_that_raises_while_it_is_fitted_is_a_failed_run_among_others(tmp_path: Path) -> None:
    (tmp_path / "my_model.py").write_text(MODEL.replace('"""Nothing is learnt."""', "open('absent')"))
    picks = ("model=./my_model.py,unigram", "data=chatterbot", "tracking=none", "evals=[perplexity]")
    bakeoff(tmp_path, "run", "-m", *picks, status=1)
    found = {record_of(run)["model"]["name"]: record_of(run) for run in runs_in(tmp_path)}
    assert {name: one["status"] for name, one in found.items()} == {"my_model": "failed", "unigram": "complete"}
    [failure] = found["my_model"]["errors"]
    assert failure["where"] == "fit"
    assert "FileNotFoundError" in failure["error"]
    assert "my_model.py" in failure["traceback"]
