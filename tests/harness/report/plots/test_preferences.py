"""Preference models are drawn against what raters said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from harness.report.comparison import Comparison
from harness.report.plots.preferences import preference_calibrations
from tests.harness.report.records import SFT, edit, rloo

BINS = [[0.3, 0.25, 100], [0.7, 0.8, 100]]


def add(experiment: Path, facts: dict[str, object]) -> None:
    """A preference model, in the last stage of every run."""
    for folder in (path.parent for path in experiment.glob("*/run.json")):
        stage = rloo(1.0, 0.1) | {"preference_model": {"accuracy": 0.7, **facts}}
        edit(folder, lambda record, stage=stage: record.update(stages=[SFT, stage]))


def test_what_was_given_stands_against_what_was_said(small: Path, compare: Callable[[Path], Comparison]) -> None:
    add(small, {"calibration": BINS, "bayes_calibration": [[0.4, 0.4, 200]]})
    [plot] = preference_calibrations(compare(small))
    assert plot is not None
    assert plot.alt.count("30 % given, 25 % said, 70 % given, 80 % said") == 2
    assert "Dashed: the rater's own" in plot.caption
    assert b"stroke-dasharray" in plot.svg


def test_without_a_known_rater_the_models_stand_alone(small: Path, compare: Callable[[Path], Comparison]) -> None:
    add(small, {"calibration": BINS})
    [plot] = preference_calibrations(compare(small))
    assert plot is not None
    assert "Dashed" not in plot.caption


def test_without_preference_models_there_is_none(small: Path, compare: Callable[[Path], Comparison]) -> None:
    assert preference_calibrations(compare(small)) == []
    add(small, {})
    assert preference_calibrations(compare(small)) == []
