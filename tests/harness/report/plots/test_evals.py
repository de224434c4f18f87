"""Plots of an eval say every value that they show."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.report.comparison import Comparison
from harness.report.plots.evals import measures, slices
from harness.report.plots.style import plotting
from harness.runs.record import RunRecord
from tests.harness.report.fake_results import DECODINGS


@pytest.fixture
def comparison(small: Path, compare: Callable[[Path], Comparison]) -> Comparison:
    return compare(small)


def recorded(run: Path, metric: str, part: str) -> float:
    [value] = [one.value for one in RunRecord.read(run).metrics if (one.metric, one.slice) == (metric, part)]
    assert value is not None
    return value


def test_the_measure_by_a_slice_names_every_value_of_every_system(small: Path, comparison: Comparison) -> None:
    [headline] = [measure for measure in comparison.headlines if measure.metric == "exact_match"]
    decoding = comparison.best_decoding(headline)
    plots = {plot.name: plot for plot in slices(comparison, headline) if plot is not None}
    assert sorted(plots) == ["arithmetic_by_digits", "arithmetic_by_operation"]
    for system in ("ngram", "rnn"):
        for operation in "+-x":
            share = recorded(small / f"{system}-{decoding}-s0", "exact_match", f"operation={operation}")
            told = plots["arithmetic_by_operation"].alt.partition(f"{system}: ")[2].partition(";")[0]
            assert f"{operation} {100 * share:.1f} [" in told
    assert comparison.only_best_decoding(headline) is None  # two strategies are equally good
    assert f" Under {decoding}; the other strategies are in runs.csv." in plots["arithmetic_by_digits"].caption


def test_all_measures_of_an_eval_are_told_under_every_decoding_strategy(small: Path, comparison: Comparison) -> None:
    plot = measures(comparison, "turn_taking")
    assert plot is not None
    for decoding in DECODINGS:
        share = recorded(small / f"rnn-{decoding}-s0", "handed_back", "all")
        told = plot.alt.partition("handed back: ")[2].partition(f"under {decoding}: ")[2]
        assert told.startswith(f"rnn {100 * share:.1f} [")


def test_an_eval_that_nobody_measured_is_not_drawn(comparison: Comparison) -> None:
    assert measures(comparison, "nothing") is None


Compare = Callable[[Path], Comparison]


LINE = r'<path d="(M [^"]*)" clip-path="[^"]*" style="fill: none; stroke: #[0-9a-f]{6}; stroke-width: 1.3'


def test_along_numbers_every_model_stands_at_the_numbers(small: Path, compare: Compare) -> None:
    comparison = compare(small)
    measure = next(m for m in comparison.headlines if m.eval == "arithmetic")
    with plotting():
        [plot] = [plot for plot in slices(comparison, measure) if plot and plot.name == "arithmetic_by_digits"]
    places = [[float(x) for x in re.findall(r"[ML] ([\d.]+) ", path)] for path in re.findall(LINE, plot.svg.decode())]
    assert len(places) == 2
    assert places[0] == places[1]
    first, second, *_, last = places[0]
    assert (second - first) / (last - first) == pytest.approx(1 / 4, abs=1e-4)


def rewrite(experiment: Path, change: Callable[[list[dict[str, Any]]], None]) -> None:
    """Change the metrics of every run."""
    for path in experiment.glob("*/run.json"):
        record = json.loads(path.read_text())
        change(record["metrics"])
        path.write_text(json.dumps(record))


def test_a_measure_that_no_strategy_can_change_is_drawn_once(small: Path, compare: Compare) -> None:
    def same(metrics: list[dict[str, Any]]) -> None:
        for metric in metrics:
            if metric["metric"] == "target_greedy":
                metric |= {"value": 0.5, "ci_low": 0.4, "ci_high": 0.6, "uses_decoding": False}

    rewrite(small, same)
    with plotting():
        plot = measures(compare(small), "arithmetic")
    assert plot is not None
    assert "target greedy: rnn 50.0 [40.0, 60.0], ngram 50.0 [40.0, 60.0];" in plot.alt
    assert "exact match: under greedy: " in plot.alt
    assert plot.caption.endswith("Grey: the same under every strategy.")


def test_baselines_have_rows_only_beside_the_measures_that_they_have(small: Path, compare: Compare) -> None:
    def with_baseline(metrics: list[dict[str, Any]]) -> None:
        [answered] = [m for m in metrics if m["metric"] == "answered" and m["slice"] == "all"]
        beside = {"baseline_of": "answered", "baseline_label": "real"}
        metrics.append(answered | beside | {"metric": "real_answered", "value": 0.9, "higher_is_better": None})

    rewrite(small, with_baseline)
    with plotting():
        plot = measures(compare(small), "arithmetic")
    assert plot is not None
    drawn = re.findall(r"<text [^>]*>([^<]*)</text>", plot.svg.decode())
    assert drawn.count("real") == 1  # of two rows of panels
    assert drawn.count("ngram") == 2
    assert drawn.index("answered (→\u00a0better)") < drawn.index("exact match (→\u00a0better)")
