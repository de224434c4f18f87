"""Differences from the best model are those of the samples, and only significant ones are filled."""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from scipy import stats

from harness.report.comparison import Comparison
from harness.report.pairs import compare_pairs
from harness.report.palette import PAPER
from harness.report.plots.differences import differences
from harness.report.plots.style import Plot, plotting
from tests.harness.report.records import edit

Compare = Callable[[Path], Comparison]
HOLLOW = re.compile(rb"fill: " + PAPER.encode() + rb"; stroke: #[0-9a-f]{6}")


def drawn(comparison: Comparison) -> Plot | None:
    with plotting():
        return differences(comparison, compare_pairs(comparison))


def documents(run: Path) -> pd.DataFrame:
    table = pd.read_parquet(run / "samples.parquet")
    return table[table["eval"] == "perplexity"].sort_values("sample_id")


def test_a_difference_is_that_of_all_bits_over_all_bytes(small: Path, compare: Compare) -> None:
    worse, best = (documents(small / f"{name}-greedy-s0") for name in ("rnn", "ngram"))
    bits = (worse["nats"].to_numpy() - best["nats"].to_numpy()) / math.log(2)
    plot = drawn(compare(small))
    assert plot is not None
    assert (plot.name, plot.section) == ("differences", "ladder")
    expected = bits.sum() / worse["num_bytes"].sum()
    assert plot.alt.startswith(f"Bits per byte more than ngram, worst first: rnn +{expected:.3f} [")


def test_the_interval_of_documents_of_one_length_is_student_s(small: Path, compare: Compare) -> None:
    for run in small.glob("*-s0"):
        path = run / "samples.parquet"
        table = pd.read_parquet(path)
        chosen = table["eval"] == "perplexity"
        table.loc[chosen, "nats"] *= 1000 / table.loc[chosen, "num_bytes"]
        table.loc[chosen, "num_bytes"] = 1000
        table.loc[chosen, "slices"] = "{}"  # all of one source
        table.to_parquet(path, index=False)
    worse, best = (documents(small / f"{name}-greedy-s0")["nats"].to_numpy() for name in ("rnn", "ngram"))
    interval = stats.ttest_rel(worse, best).confidence_interval(0.95)
    low, high = (end / 1000 / math.log(2) for end in interval)
    plot = drawn(compare(small))
    assert plot is not None
    assert f"[{low:.3f}, {high:.3f}], a significant difference." in plot.alt


def test_a_difference_of_fits_alone_is_hollow(small: Path, compare: Compare) -> None:
    plot = drawn(compare(small))
    assert plot is not None
    assert not HOLLOW.search(plot.svg)
    assert "a significant difference" in plot.alt
    for run in small.iterdir():
        edit(run, lambda record: record.update(deterministic=False))
    plot = drawn(compare(small))
    assert plot is not None
    assert HOLLOW.search(plot.svg)
    assert "significant" not in plot.alt


def test_models_stand_the_worst_first_and_the_best_is_the_line(three_seeds: Path, compare: Compare) -> None:
    comparison = compare(three_seeds)
    plot = drawn(comparison)
    assert plot is not None
    assert re.search(r"more than gru, worst first: rnn \+0\.\d+ \[.*; ngram \+0\.", plot.alt)
    assert plot.caption.startswith("The line at 0 is the best model, gru: ")


def test_there_is_none_without_two_models_of_the_same_texts(small: Path, compare: Compare) -> None:
    for run in small.glob("rnn-*"):
        edit(run, lambda record: record["data"].update(fingerprint="ef" * 32))
    assert drawn(compare(small)) is None
    for run in small.glob("rnn-*"):
        shutil.rmtree(run)
    assert drawn(compare(small)) is None


def test_where_no_samples_are_left_there_is_none(small: Path, compare: Compare) -> None:
    for path in small.glob("rnn-*/samples.parquet"):
        path.unlink()
    assert drawn(compare(small)) is None


@pytest.mark.parametrize(
    ("values", "scale", "ticks"),
    [
        ({"rnn": 2.5, "ngram": 2.3}, "linear", None),
        ({"rnn": 4.3, "lstm": 2.34, "ngram": 2.3}, "symlog", [0.0, 0.05, 0.3, 1.0]),
    ],
)
def test_the_axis_is_logarithmic_only_where_differences_are_of_several_sizes(
    small: Path,
    compare: Compare,
    monkeypatch: pytest.MonkeyPatch,
    values: dict[str, float],
    scale: str,
    ticks: list[float] | None,
) -> None:
    shutil.copytree(small / "rnn-greedy-s0", small / "lstm-greedy-s0")
    edit(small / "lstm-greedy-s0", lambda record: record.update(family="lstm", run_id="l", fit_id="l"))
    edit(small / "lstm-greedy-s0", lambda record: record["model"].update(name="lstm"))
    for run in list(small.iterdir()):
        if (name := run.name.split("-")[0]) not in values:
            shutil.rmtree(run)
            continue
        path = run / "samples.parquet"
        table = pd.read_parquet(path)
        chosen = table["eval"] == "perplexity"
        wobble = 1e-4 * np.sin(len(name) + np.arange(int(chosen.sum())))
        table.loc[chosen, "nats"] = (values[name] + wobble) * math.log(2) * table.loc[chosen, "num_bytes"]
        table.to_parquet(path, index=False)

        def value(record: dict[str, list[dict[str, object]]]) -> None:
            for metric in record["metrics"]:
                if (metric["metric"], metric["slice"]) == ("bits_per_byte", "all"):
                    metric["value"] = values[name]

        edit(run, value)
    figures: list[Figure] = []
    monkeypatch.setattr("harness.report.plots.differences.drawn", lambda figure, *_: figures.append(figure))
    drawn(compare(small))
    [axes] = figures[0].axes
    assert axes.get_xscale() == scale
    assert ("logarithmic" in axes.get_xlabel()) == (scale == "symlog")
    if ticks is not None:
        assert axes.get_xticks() == pytest.approx(ticks)
