"""Plots of swept numbers: on a numeric axis, in the page, and as files."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.report import Report, write_report
from harness.report.comparison import Comparison
from harness.report.plots.style import Plot, plotting
from harness.report.plots.sweeps import sweeps
from tests.harness.report.fake_results import copy_run
from tests.harness.report.records import edit_metrics

Varied = Callable[[str, Mapping[str, Mapping[str, Any]]], Path]


@pytest.fixture
def varied(small: Path) -> Varied:
    """The experiment with runs that are copies of one, by name with their other settings."""

    def copies(run: str, changes: Mapping[str, Mapping[str, Any]]) -> Path:
        for name, settings in changes.items():
            copy_run(small / run, name, dict(settings))
        for folder in small.iterdir():
            if folder.name not in changes:
                shutil.rmtree(folder)
        return small

    return copies


def orders(varied: Varied, *values: Any) -> Path:
    return varied("ngram-greedy-s0", {f"order-{value}": {"model.order": value} for value in values})


def plots(comparison: Comparison) -> dict[str, Plot]:
    with plotting():
        return {plot.name: plot for plot in sweeps(comparison) if plot is not None}


def ticks(plot: Plot, labels: list[str]) -> list[float]:
    """Where the labels of ticks on the horizontal axis stand, in points."""
    text = plot.svg.decode()
    axis = text[text.index('id="matplotlib.axis_1"') : text.index('id="matplotlib.axis_2"')]
    found = {label: float(x) for x, label in re.findall(r'<text [^>]*x="([\d.]+)"[^>]*>([^<]*)</text>', axis)}
    return [found[label] for label in labels]


def marks(plot: Plot) -> list[float]:
    """Where the points of the only line stand, in points."""
    of_width = r'<path d="(M [^"]*)" clip-path="[^"]*" style="fill: none; stroke: #[0-9a-f]{6}; stroke-width: 1.3'
    [path] = re.findall(of_width, plot.svg.decode())
    return [float(x) for x in re.findall(r"[ML] ([\d.]+) ", path)]


def shares(places: list[float]) -> list[float]:
    return [(place - places[0]) / (places[-1] - places[0]) for place in places]


def test_values_stand_where_their_numbers_are(varied: Varied, compare: Callable[[Path], Comparison]) -> None:
    temperatures = (0.3, 0.7, 1.0, 1.3)
    changes = {f"t-{value}": {"decoding.temperature": value} for value in temperatures}
    plot = plots(compare(varied("ngram-temperature-s0", changes)))["arithmetic_sweep_temperature"]
    assert shares(marks(plot)) == pytest.approx([0, 0.4, 0.7, 1], abs=1e-4)
    assert shares(ticks(plot, ["0.3", "0.7", "1", "1.3"])) == pytest.approx([0, 0.4, 0.7, 1], abs=1e-4)


def test_a_decade_is_drawn_on_a_logarithmic_axis(varied: Varied, compare: Callable[[Path], Comparison]) -> None:
    plot = plots(compare(orders(varied, 1, 10, 100)))["perplexity_sweep_order"]
    assert shares(marks(plot)) == pytest.approx([0, 0.5, 1], abs=1e-4)
    assert "order  (logarithmic)" in plot.svg.decode()


def test_inf_stands_apart_at_the_end(varied: Varied, compare: Callable[[Path], Comparison]) -> None:
    plot = plots(compare(orders(varied, 2, 3, 4, "inf")))["perplexity_sweep_order"]
    assert shares(marks(plot)) == pytest.approx([0, 0.5, 1], abs=1e-4)  # the line ends before it
    two, four, inf = ticks(plot, ["2", "4", "inf"])
    assert 0.1 < (inf - four) / (four - two) < 0.3


def test_labels_of_crowded_values_do_not_overlap(varied: Varied, compare: Callable[[Path], Comparison]) -> None:
    plot = plots(compare(orders(varied, 1000, 1001, 1002, 1100)))["perplexity_sweep_order"]
    assert ">1100<" in plot.svg.decode()
    assert ">1001<" not in plot.svg.decode()


def test_every_seed_is_a_faint_point(three_seeds: Path, compare: Callable[[Path], Comparison], tmp_path: Path) -> None:
    results = Path(shutil.copytree(three_seeds, tmp_path / "results"))
    experiment = next(folder for folder in results.iterdir() if any(folder.glob("*/run.json")))
    for seed in range(3):
        copy_run(experiment / f"gru-greedy-s{seed}", f"slow-{seed}", {"model.learning_rate": 0.001})
        copy_run(experiment / f"gru-greedy-s{seed}", f"fast-{seed}", {"model.learning_rate": 0.1})
    plot = plots(compare(results))["perplexity_sweep_learning_rate"]
    assert "Faint points are single seeds" in plot.caption
    assert len(re.findall(r"<use [^>]*opacity: 0.35", plot.svg.decode())) == 2 * 3


def test_its_description_says_every_value(varied: Varied, compare: Callable[[Path], Comparison]) -> None:
    comparison = compare(orders(varied, 2, 3))
    plot = plots(comparison)["perplexity_sweep_order"]
    assert plot.title == "Perplexity: bits per byte by order"
    assert re.fullmatch(r".* by order\. ngram: at 2 [\d.]+ \[.*\], at 3 [\d.]+ \[.*\]\.", plot.alt)


def test_what_changes_with_it_is_said(varied: Varied, compare: Callable[[Path], Comparison]) -> None:
    both = {str(size): {"budget.num_params": size, "model.d_model": size // 100} for size in (1000, 4000)}
    plot = plots(compare(varied("ngram-greedy-s0", both)))["perplexity_sweep_num_params"]
    assert "Changed with it: d model." in plot.caption


@pytest.fixture
def written(varied: Varied) -> Report:
    """A report of more swept options than are drawn."""
    options = {"order": (2, 3, 4), "a": (1, 2), "b": (1, 2), "c": (1, 2), "d": (1, 2)}
    changes = {
        f"{name}-{value}": {f"model.{other}": 1 for other in options} | {f"model.{name}": value}
        for name, values in options.items()
        for value in values
        if value != 1
    }
    return write_report(varied("ngram-greedy-s0", {"base": {f"model.{name}": 1 for name in options}} | changes))


def test_plots_are_files_and_stand_in_the_page_and_what_is_left_out_is_named(written: Report) -> None:
    names = {path.name for path in written.files}
    assert {"perplexity_sweep_order.svg", "perplexity_sweep_order.png", "arithmetic_sweep_order.svg"} <= names
    assert {f"perplexity_sweep_{option}.svg" for option in "abc"} <= names
    assert "perplexity_sweep_d.svg" not in names
    page = written.page.read_text()
    section = page[page.index('id="sweeps"') : page.index('id="evals"')]
    assert 'id="plot-perplexity_sweep_order"' in section
    assert "Follow a line" in section
    assert "not drawn: 1 more (d)" in section


def test_without_a_swept_number_there_is_no_such_section(small: Path) -> None:
    page = write_report(small).page.read_text()
    assert 'id="sweeps"' not in page
    assert 'href="#sweeps"' not in page


def test_lines_take_the_place_of_single_points_against_costs(varied: Varied) -> None:
    sizes = {f"o-{order}": {"model.order": order, "cost.num_params": 10**order} for order in (2, 3, 4)}
    written = {path.name for path in write_report(varied("ngram-greedy-s0", sizes)).files}
    assert "cost_parameters_along_order.svg" in written
    assert "cost_parameters.svg" not in written
    assert "cost_training_seconds_along_order.svg" not in written  # all took the same time


def test_the_best_value_to_have_is_a_line(varied: Varied, compare: Callable[[Path], Comparison]) -> None:
    folder = orders(varied, 2, 3)

    def change(metric: dict[str, Any]) -> None:
        if metric["metric"] == "exact_match":
            metric.update(higher_is_better=None, nearest_to="real_exact_match")
        if metric["metric"] == "answered":
            metric.update(metric="real_exact_match", higher_is_better=None)

    edit_metrics(folder, change)
    svg = plots(compare(folder))["arithmetic_sweep_order"].svg.decode()
    assert ">real</text>" in svg
    assert "exact match (nearest to real is best)" in svg
