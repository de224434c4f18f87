"""The ladder, the curves and the costs: their numbers are those of the records."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.report.comparison import Comparison
from harness.report.plots.learning import cost, curves, ladder, tells
from harness.report.plots.style import Plot, plotting
from harness.runs.record import RunRecord
from tests.harness.report.records import edit

Compare = Callable[[Path], Comparison]


@pytest.fixture
def comparison(small: Path, compare: Callable[[Path], Comparison]) -> Comparison:
    return compare(small)


def drawn(plots: list[Plot | None]) -> dict[str, Plot]:
    return {plot.name: plot for plot in plots if plot is not None}


def test_the_ladder_stands_the_worst_first_with_every_interval(small: Path, comparison: Comparison) -> None:
    said = []
    for name in ("rnn", "ngram"):
        [bits] = [
            metric
            for metric in RunRecord.read(small / f"{name}-greedy-s0").metrics
            if (metric.metric, metric.slice) == ("bits_per_byte", "all")
        ]
        said.append(f"{name} {bits.value:.3f} [{bits.ci_low:.3f}, {bits.ci_high:.3f}]")
    plot = ladder(comparison)
    assert plot is not None
    assert plot.alt == f"Test bits per byte, worst first: {'; '.join(said)}."
    assert "One training seed" in plot.caption


def test_the_ladder_says_so_where_models_met_different_texts(small: Path, compare: Compare) -> None:
    for run in small.glob("rnn-*"):
        edit(run, lambda record: record["data"].update(fingerprint="ef" * 32))
    plot = ladder(compare(small))
    assert plot is not None
    said = "The models differ in data (cdcdcdcdcdcd and efefefefefef), so their order says little."
    assert plot.caption.endswith(said)


def test_curves_end_where_the_fits_ended(comparison: Comparison) -> None:
    plots = drawn(curves(comparison))
    # 2.63 + (5.5 - 2.63) e^-4.5 of the made-up curve
    assert "rnn ends at 2.662 after 60 seconds" in plots["validation_by_seconds"].alt
    assert "ngram ends at 2.310 after 3.1 seconds" in plots["validation_by_seconds"].alt
    assert "rnn ends at 2.662 after 2.7M tokens" in plots["validation_by_tokens"].alt


def test_costs_are_those_of_the_records(comparison: Comparison) -> None:
    plot = cost(comparison, "training seconds")
    assert plot is not None
    assert "ngram: 3.1 training seconds, 2." in plot.alt


def test_where_nobody_measured_bits_per_byte_there_is_no_ladder(
    small: Path, compare: Callable[[Path], Comparison]
) -> None:
    def forget(record: dict[str, list[dict[str, str]]]) -> None:
        record["metrics"] = [metric for metric in record["metrics"] if metric["eval"] != "perplexity"]

    for run in small.glob("*-s0"):
        edit(run, forget)
    comparison = compare(small)
    assert ladder(comparison) is None
    assert cost(comparison, "training seconds") is None


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
