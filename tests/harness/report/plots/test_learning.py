"""Curves and costs are drawn where there is something to see."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.report.comparison import Comparison
from harness.report.plots.learning import cost, curves, tells
from harness.report.plots.style import plotting

Compare = Callable[[Path], Comparison]


def test_no_curve_is_drawn_where_nobody_was_trained_in_steps(small: Path, compare: Compare) -> None:
    for folder in small.glob("rnn-*"):
        shutil.rmtree(folder)
    assert curves(compare(small)) == []


def test_one_model_has_no_cost_plot_and_two_unlike_ones_have(small: Path, compare: Compare) -> None:
    with plotting():
        plot = cost(compare(small), "training seconds")
        assert plot is not None
        assert plot.name == "cost_training_seconds"
    for folder in small.glob("rnn-*"):
        shutil.rmtree(folder)
    assert cost(compare(small), "training seconds") is None


def test_models_of_about_one_size_are_not_drawn_by_size(small: Path, compare: Compare) -> None:
    for path in small.glob("*/run.json"):
        record = json.loads(path.read_text())
        record["cost"]["num_params"] = 300_000 if record["family"] == "rnn" else 310_000
        path.write_text(json.dumps(record))
    assert cost(compare(small), "parameters") is None


@pytest.mark.parametrize(("costs", "telling"), [([], False), ([3.0], False), ([1.0, 2.1], True), ([0.0, 5.0], True)])
def test_costs_tell_where_they_are_far_apart(costs: list[float], telling: bool) -> None:
    assert tells(costs) is telling
