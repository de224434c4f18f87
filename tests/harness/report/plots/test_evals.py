"""Plots of an eval say every value that they show."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.report.comparison import Comparison
from harness.report.plots.evals import measures, slices, telling_decoding
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
    decoding = telling_decoding(comparison, headline)
    plots = {plot.name: plot for plot in slices(comparison, headline) if plot is not None}
    assert sorted(plots) == ["arithmetic_by_digits", "arithmetic_by_operation"]
    for system in ("ngram", "rnn"):
        for operation in "+-x":
            share = recorded(small / f"{system}-{decoding}-s0", "exact_match", f"operation={operation}")
            told = plots["arithmetic_by_operation"].alt.partition(f"{system}: ")[2].partition(";")[0]
            assert f"{operation} {100 * share:.1f} [" in told
    assert f"Under {decoding}, the decoding strategy with the highest mean" in plots["arithmetic_by_digits"].caption


def test_all_measures_of_an_eval_are_told_under_every_decoding_strategy(small: Path, comparison: Comparison) -> None:
    plot = measures(comparison, "turn_taking")
    assert plot is not None
    for decoding in DECODINGS:
        share = recorded(small / f"rnn-{decoding}-s0", "handed_back", "all")
        told = plot.alt.partition("handed back: ")[2].partition(f"under {decoding}: ")[2]
        assert told.startswith(f"rnn {100 * share:.1f} [")


def test_the_telling_decoding_is_the_one_with_the_highest_mean(small: Path, comparison: Comparison) -> None:
    [headline] = [measure for measure in comparison.headlines if measure.metric == "exact_match"]
    means = {
        decoding: sum(recorded(small / f"{system}-{decoding}-s0", "exact_match", "all") for system in ("ngram", "rnn"))
        for decoding in DECODINGS
    }
    assert telling_decoding(comparison, headline) == max(means, key=lambda decoding: means[decoding])


def test_an_eval_that_nobody_measured_is_not_drawn(comparison: Comparison) -> None:
    assert measures(comparison, "nothing") is None
