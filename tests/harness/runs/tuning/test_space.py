"""What is searched: the files of conf/space/, experiments and command lines, checked before anything is fitted."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config.options import option, options
from harness.runs.sweep import Interval
from harness.runs.tuning.space import Family, at_the_edge, families
from tests.commands import refused_without_torch
from tests.conftest import ROOT


def family(*overrides: str) -> Family:
    [only] = families(overrides)[1]
    return only


def test_the_space_of_every_family_is_allowed() -> None:
    names = options("space")
    assert set(names) <= set(options("model"))
    found = families(["experiment=tuning", f"model={','.join(names)}"])[1]
    assert [each.name for each in found if each.space] == names


@pytest.mark.parametrize("name", options("space"))
def test_what_a_search_finds_can_stand_in_the_family_s_own_file(name: str) -> None:
    own = {f"model.{key}" for key in option("model", name).content}
    assert set(family(f"model={name}").space) <= own


def test_the_tuning_experiment_has_every_family_with_a_space() -> None:
    params = option("experiment", "tuning").content["hydra"]["sweeper"]["params"]
    assert sorted(params["model"].split(",")) == options("space")


def test_what_the_user_writes_replaces_what_the_family_s_file_says() -> None:
    found = family(
        "model=lstm",
        "model.num_layers=1",
        "model.learning_rate=tag(log,interval(1e-3,1e-2))",
        "model.d_model=int(interval(8,64))",
        "training.beta2=0.95,0.99",
        "seed=3",
    )
    assert "model.num_layers" not in found.space
    assert "model.num_layers=1" in found.overrides
    assert found.space["model.learning_rate"] == Interval(1e-3, 1e-2, is_logarithmic=True, is_whole=False)
    assert found.space["model.d_model"] == Interval(8, 64, is_logarithmic=False, is_whole=True)
    assert found.space["training.beta2"] == ["0.95", "0.99"]
    assert found.space["model.training_length"] == ["32", "64", "128"]
    settings = found.trial(found.first)
    assert (settings.seed, settings.model.num_layers) == (3, 1)  # type: ignore[attr-defined]


def test_a_setting_with_a_family_s_name_is_for_that_family() -> None:
    _, found = families(
        ["model=lstm,gru", "model.lstm.d_model=16,32", "model.gru.num_layers=1", "model.optimizer=muon"]
    )
    lstm, gru = found
    assert lstm.space["model.d_model"] == ["16", "32"]
    assert "model.d_model" not in gru.space
    assert "model.num_layers" not in gru.space
    assert "model.optimizer" not in lstm.space


def test_an_experiment_may_say_what_is_searched_and_how(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "# @package _global_\n# Mine.\nbudget:\n  tokens: 5000\nhydra:\n  sweeper:\n    params:\n      tune.trials: 7\n"
        "      model: ngram,gru\n      decoding: greedy,top_p\n      seed: 0,1\n"
        "      model.ngram.order: 2,3\n      model.gru.learning_rate: tag(log,interval(1e-3,1e-2))\n"
    )
    tune, (ngram, gru) = families([f"experiment={path}", "tune.searcher=grid", "model.ngram.smoothing=witten_bell"])
    assert (tune.trials, tune.searcher) == (7, "grid")
    assert ngram.space == {"model.order": ["2", "3"]}
    assert gru.space["model.learning_rate"] == Interval(1e-3, 1e-2, is_logarithmic=True, is_whole=False)
    assert gru.trial(gru.first).budget.tokens == 5000


def test_a_family_of_a_file_has_the_space_that_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text((ROOT / "conf" / "model" / "gru.yaml").read_text())
    found = family("model=./mine.yaml", "model.mine.d_model=8,16")
    assert found.name == "mine"
    assert found.space == {"model.d_model": ["8", "16"]}


REFUSED = {
    "model.layers=1,2": "there is no 'layers'",
    "model.dropout=0.1,1.5": "dropout=1.5 is not allowed for model=lstm: it must be",
    "model.learning_rate=interval(0,0.1)": "learning_rate=0.0 is not allowed for model=lstm: it must be above 0",
    "model.learning_rate=interval(0.1,0.01)": "Write the lower end first",
    "model.learning_rate=tag(log,interval(0,0.1))": "above 0, to draw the logarithm evenly",
    "model.learning_rate=interval(0.1,low)": "interval(0.1,low)",
    "seed=0,1": "seed can't be searched",
    "budget.tokens=100,200": "budget.tokens can't be searched",
    "data=chat,chatterbot": "data can't be searched",
    "decoding=greedy,top_p": "decoding can't be searched",
    "training.validation_bytes=100,200": "training.validation_bytes can't be searched",
    "hydra/launcher=joblib": "hydra/launcher can't be set here.",
    "sweep.workers=0": "sweep.workers=0 is not allowed: it must be 1 to 1,024, or null",
    "sweep.retries=2": "sweep.retries can't be set here. `bakeoff tune` takes sweep.workers=4 (processes here).",
    "launcher=slurm": "On a cluster, give the same command in every task of a job: the tasks share the trials.",
    "model.lerning_rate=interval(0.1,0.01)": "Did you mean 'learning_rate'?",
    "model.lerning_rate=tag(log,interval(0,0.1))": "Did you mean 'learning_rate'?",
    "bugdet.tokens=100,200": "Did you mean 'budget'?",
    "tune.trial=3": "Did you mean 'tune.trials'?",
    "tune.trials=0": "tune.trials=0 is not allowed: it must be 1 or more.",
    "tune.trials=3,4": "tune.trials has several values",
    "tune.searcher=annealing": "must be one of random, grid, tpe",
    "model.gru.num_layers=1,2": "model=gru apply to no family",
}


def test_a_wrong_space_is_refused_before_torch_is_loaded(tmp_path: Path) -> None:
    said = refused_without_torch([["tune", "model=lstm", override] for override in REFUSED], tmp_path)
    for line, (override, expected) in zip(said, REFUSED.items(), strict=True):
        assert expected in line, (override, line)


def test_the_edge_of_a_space_is_told_where_more_is_allowed_beyond_it() -> None:
    found = family("model=lstm", "model.num_layers=1,2,3", "model.dropout=0.0,0.1,0.2")
    middle = {**found.first, "model.learning_rate": "0.004", "model.training_length": "64", "model.dropout": "0.1"}
    assert at_the_edge(found, {**middle, "model.num_layers": "2"}) == {}
    assert at_the_edge(found, {**middle, "model.num_layers": "1"}) == {}  # fewer than one are not allowed
    assert at_the_edge(found, {**middle, "model.num_layers": "3"}) == {"model.num_layers": "the highest"}
    narrow = {**middle, "model.num_layers": "2", "model.learning_rate": "0.0011", "model.dropout": "0.0"}
    assert at_the_edge(found, narrow) == {"model.learning_rate": "the lowest"}
