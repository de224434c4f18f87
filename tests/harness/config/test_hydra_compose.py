"""Hydra's part: picked options and overrides become plain values."""

from __future__ import annotations

import pytest
from hydra.core.global_hydra import GlobalHydra

from harness.config.hydra_compose import REFUSALS, Pick, composed, loader


def test_what_is_picked_is_said_with_its_group_and_its_place() -> None:
    config, picks = composed(["model=bigram", "seed=7"])
    assert config["seed"] == 7
    assert config["model"]["_target_"] == "models.settings.bigram.BigramConfig"
    assert Pick("model", "bigram", "model") in picks
    assert [pick for pick in picks if pick.group == "model"] == [Pick("model", "bigram", "model")]


def test_the_caller_may_change_what_it_gets() -> None:
    config, picks = composed(["model=bigram"])
    config["model"].clear()
    picks.clear()
    again, picks_again = composed(["model=bigram"])
    assert again["model"]
    assert picks_again


@pytest.mark.parametrize("override", ["model=nothing", "nothing=1", "model.nothing=1", "seed=[", "=x"])
def test_what_can_not_be_composed_is_refused_as_hydra_does(override: str) -> None:
    with pytest.raises(REFUSALS):
        composed([override])


def test_the_hydra_that_was_there_is_there_again() -> None:
    before = GlobalHydra.instance().hydra
    with loader():
        assert GlobalHydra.instance().hydra is not before
    assert GlobalHydra.instance().hydra is before
    with pytest.raises(ZeroDivisionError), loader():
        _ = 1 / 0
    assert GlobalHydra.instance().hydra is before
