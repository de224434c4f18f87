"""The best settings as an experiment file: it makes the very fit of the trial."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config.compose import compose
from harness.config.identity import identity
from harness.runs.settings import RunSettings, typed
from harness.runs.tuning.best import write_best
from harness.runs.tuning.space import families
from harness.runs.tuning.trials import Tuned
from tests.harness.runs.tuning.searches import trial


def of_the_fit(settings: RunSettings) -> object:
    parts = (settings.model, settings.tokenizer, settings.data, settings.training, settings.budget, settings.seed)
    return identity(list(parts))


@pytest.mark.parametrize(
    ("overrides", "draw"),
    [
        (["model=lstm", "seed=3", "data=chatterbot", "tokenizer=byte"], {"model.num_layers": "2"}),
        (["model=gru", "experiment=addition_by_size", "data.train_documents=30"], {"model.optimizer": "muon"}),
        (["model=gru", "tokenizer=char,byte"], {"tokenizer": "byte"}),
        (["model=mixture", "model@model.members.second=rnn", "model.members.second.dropout=0.1,0.2"], {}),
        (["model=uniform"], {}),
    ],
)
def test_the_file_makes_the_fit_of_the_best_trial(overrides: list[str], draw: dict[str, str], tmp_path: Path) -> None:
    [family] = families(overrides)[1]
    best = {**family.first, **draw}
    path = tmp_path / "best.yaml"
    write_best(path, Tuned(family, [trial(family.name, 1, 2.5, settings=best)]), "mine")
    settings = typed(compose([f"experiment={path}"]))
    assert of_the_fit(settings) == of_the_fit(family.trial(best))
    assert settings.experiment_name == "mine"
    assert path.read_text().startswith(
        f"# @package _global_\n# The best of 1 trial of {family.name}: 2.500 validation bits per byte.\n"
    )


def test_the_file_holds_only_what_is_not_the_default(tmp_path: Path) -> None:
    [family] = families(["model=lstm", "model.learning_rate=0.002,0.004", "model.num_layers=2"])[1]
    write_best(
        tmp_path / "best.yaml", Tuned(family, [trial("lstm", 1, 2.5, settings={"model.learning_rate": "0.002"})]), "x"
    )
    assert (tmp_path / "best.yaml").read_text().splitlines()[2:] == [
        "defaults:",
        "- override /model: lstm",
        "model:",
        "  learning_rate: 0.002",
        "experiment_name: x",
    ]
