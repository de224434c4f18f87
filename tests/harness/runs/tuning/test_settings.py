"""The options of `bakeoff tune`."""

from __future__ import annotations

import pytest

from harness.config.options import option
from harness.config.settings import build
from harness.runs.tuning.settings import TuneSettings


def test_the_file_of_defaults_holds_the_defaults() -> None:
    assert build(option("tune", "default").content, TuneSettings, "tune") == TuneSettings()


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"trials": 0}, "trials=0"),
        ({"grid_points": 1}, "grid_points=1"),
        ({"confirm_seeds": -1}, "confirm_seeds=-1"),
        ({"confirm_best": 0}, "confirm_best=0"),
        ({"budget_fraction": 0.0}, "budget_fraction=0.0"),
        ({"budget_fraction": 1.1}, "budget_fraction=1.1"),
    ],
)
def test_a_value_that_means_nothing_is_refused(wrong: dict[str, float], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        TuneSettings(**wrong)  # type: ignore[arg-type]
