"""A search from its beginning to its end: trials, what was stopped goes on, and trials without a value."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from harness.runs.tuning import making
from harness.runs.tuning.tune import Tuner
from harness.training.fits import Fit
from tests.harness.runs.tuning.searches import GRU, tuner


def results_of(search: Tuner) -> list[list[Any]]:
    """What every trial gave, but for its time."""
    return [
        [dataclasses.replace(trial, seconds=0.0) for trial in (*tuned.trials, *tuned.confirmations)]
        for tuned in search.tuned
    ]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Tuner:
    search = tuner(
        tmp_path_factory.mktemp("finished"),
        *GRU,
        "model=uniform,bigram,gru",
        *("tune.trials=2", "tune.confirm_seeds=2", "tune.confirm_best=2"),
    )
    search.run()
    return search


def test_every_family_gets_the_same_number_of_trials(finished: Tuner) -> None:
    assert {each.family.name: len(each.trials) for each in finished.tuned} == {"uniform": 1, "bigram": 2, "gru": 2}


def test_a_trial_s_value_is_what_its_fit_reached_on_validation_text(finished: Tuner) -> None:
    for trial in finished.tuned[2].trials:
        fit = finished.folder.parents[1] / "fits" / str(trial.fit_id)
        facts = json.loads((fit / "fit.json").read_text())
        assert (
            trial.validation_bits_per_byte == pd.read_parquet(fit / "curve.parquet")["validation_bits_per_byte"].min()
        )
        assert (trial.tokens, trial.seconds, trial.flops) == tuple(
            facts["spent"][key] for key in ("tokens", "seconds", "flops")
        )
        assert trial.num_params == facts["cost"]["num_params"]
        model = json.loads((fit / "model.json").read_text())["config"]
        assert model["learning_rate"] == float(trial.settings["model.learning_rate"])
        assert model["num_layers"] == int(trial.settings["model.num_layers"])


def test_no_eval_is_asked_and_no_run_is_made(finished: Tuner) -> None:
    results = finished.folder.parents[1]
    assert sorted(path.name for path in results.iterdir()) == ["fits", "splits", "tuning"]
    assert [path.name for path in (results / "tuning").iterdir()] == ["tuning"]


def test_the_best_are_fitted_again_with_other_seeds_and_chosen_by_their_mean(finished: Tuner) -> None:
    gru = finished.tuned[2]
    two_best = sorted(gru.trials, key=lambda trial: trial.validation_bits_per_byte or 99)[:2]
    made = [(trial.number, trial.seed) for trial in gru.confirmations]
    assert made == [(trial.number, seed) for trial in two_best for seed in (1, 2)]
    frame = pd.DataFrame([dataclasses.asdict(trial) for trial in gru.confirmations])
    assert gru.best is not None
    assert gru.best.number == frame.groupby("number")["validation_bits_per_byte"].mean().idxmin()


def test_the_same_search_again_fits_nothing(finished: Tuner, monkeypatch: pytest.MonkeyPatch) -> None:
    results = finished.folder.parents[1]
    before = {path: path.stat().st_mtime_ns for path in results.rglob("*.*")}
    again = Tuner(finished.settings, [tuned.family for tuned in finished.tuned])
    again.run()
    assert results_of(again) == results_of(finished)
    assert {path: path.stat().st_mtime_ns for path in results.rglob("*.*")} == before


@pytest.mark.parametrize("searcher", ["random", "tpe"])
def test_a_search_that_was_stopped_goes_on_with_the_same_trials(
    searcher: str, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("model=bigram", f"tune.searcher={searcher}", "tune.trials=3")
    whole = tuner(tmp_path / "whole", *words)
    whole.run()
    made = 0
    obtain = making.obtain

    def stopped(*arguments: Any) -> Fit:
        nonlocal made
        made += 1
        if made == 2:
            raise KeyboardInterrupt
        return obtain(*arguments)

    monkeypatch.setattr(making, "obtain", stopped)
    first = tuner(tmp_path / "stopped", *words)
    with pytest.raises(KeyboardInterrupt):
        first.run()
    assert [len(tuned.trials) for tuned in first.tuned] == [1]
    with (first.folder / "trials.jsonl").open("a") as file:
        file.write('{"family": "bigram", "numb')  # what a process that was killed may leave
    second = tuner(tmp_path / "stopped", *words)
    second.run()
    assert results_of(second) == results_of(whole)
    assert second.tuned[0].trials[:1] == first.tuned[0].trials


@pytest.mark.parametrize(("searcher", "num_at_once"), [("random", 6), ("grid", 5), ("tpe", 2)])
def test_only_trials_that_learn_from_others_wait_for_them(
    searcher: str, num_at_once: int, tmp_path: Path, cache: Path
) -> None:
    options = ("model.gru.learning_rate=0.01", "tune.trials=3", f"tune.searcher={searcher}")
    search = tuner(tmp_path, *GRU, *options, "model=bigram,gru")
    assert search.find() == num_at_once  # the grid of the GRU has two cells
    assert search.num_left == (5 if searcher == "grid" else 6)


def test_a_trial_whose_process_ended_without_a_word_has_no_value_until_the_search_begins_anew(
    tmp_path: Path, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    words = ("model=bigram", "tune.trials=1")
    whole = tuner(tmp_path / "whole", *words)
    whole.run()
    [made] = whole.tuned[0].trials
    search = tuner(tmp_path / "killed", *words)
    begun = search.folder / "claims" / f"fit-{made.fit_id}.begun"
    begun.parent.mkdir(parents=True)
    begun.write_text("another-machine-1")  # and nobody has the claim
    assert search.is_doing("another-machine-1")
    search.run()
    [killed] = search.tuned[0].trials
    assert (killed.status, killed.validation_bits_per_byte) == ("killed", None)
    assert "trial 1 has no value: its process ended without a word" in caplog.text
    assert not search.is_doing("another-machine-1")
    again = tuner(tmp_path / "killed", *words)
    again.begin()
    again.run()
    assert results_of(again) == results_of(whole)


def test_more_trials_add_to_those_that_were_made(tmp_path: Path, cache: Path) -> None:
    short = tuner(tmp_path, "model=bigram", "tune.trials=1")
    short.run()
    long = tuner(tmp_path, "model=bigram", "tune.trials=2")
    long.run()
    assert long.tuned[0].trials[:1] == short.tuned[0].trials


def test_trials_without_a_value_are_told_and_counted(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = (*GRU, "model.gru.learning_rate=1e30,0.01", "model.gru.num_layers=1", "training.max_grad_norm=1e30")
    words = (*words, "training.weight_decay=0.0", "budget.tokens=8000")
    search = tuner(tmp_path, *words, "tune.searcher=grid")
    search.run()
    of_rate = {trial.settings["model.learning_rate"]: trial for trial in search.tuned[0].trials}
    assert sorted(of_rate) == ["0.01", "1e+30"]
    diverged = of_rate["1e+30"]
    assert (diverged.status, diverged.validation_bits_per_byte) == ("failed", None)
    assert diverged.reason == "validation text has no finite probability"
    assert diverged.seconds is not None
    assert search.tuned[0].best == of_rate["0.01"]

    def unwanted(*_: Any) -> Fit:
        raise AssertionError("a fit that failed is not made again")

    made = making.obtain
    monkeypatch.setattr(
        making,
        "obtain",
        lambda settings, *rest: (unwanted if settings.model.learning_rate > 1 else made)(settings, *rest),
    )
    again = tuner(tmp_path, *words, "tune.searcher=grid")
    again.run()
    assert results_of(again) == results_of(search)


def test_settings_that_do_not_go_together_or_into_memory_are_trials_without_a_value(
    tmp_path: Path, cache: Path
) -> None:
    search = tuner(
        tmp_path,
        *("model=transformer", "model.d_model=24,16,1000000", "model.num_heads=2,6", "model.num_layers=1"),
        *("model.context_length=32", "model.learning_rate=0.01", "model.optimizer=adamw", "tune.searcher=grid"),
    )
    search.run()
    keys = ("model.d_model", "model.num_heads")
    reasons = {tuple(trial.settings[key] for key in keys): trial.reason for trial in search.tuned[0].trials}
    assert len(reasons) == 6
    assert reasons["24", "2"] is reasons["24", "6"] is reasons["16", "2"] is None
    assert "must be a multiple of 12" in str(reasons["16", "6"])
    assert "GiB" in str(reasons["1000000", "2"])
    assert {trial.status for trial in search.tuned[0].trials} == {"complete", "refused"}
