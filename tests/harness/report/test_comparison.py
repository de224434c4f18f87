"""Estimates over seeds are those that the samples, or the seeds' summaries, give by hand."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.report.comparison import Comparison
from harness.runs.record import RunRecord
from harness.statistics.intervals import over_seeds


def test_over_seeds_the_summary_gives_the_hierarchical_bootstrap_of_the_samples(
    three_seeds: Path, compare: Callable[[Path], Comparison]
) -> None:
    comparison = compare(three_seeds)
    assert comparison.ladder is not None
    cell = comparison.cell("gru", "any", comparison.ladder)
    assert cell is not None
    rows = [
        table[table["eval"] == "perplexity"].sort_values("sample_id")
        for table in (pd.read_parquet(three_seeds / f"families/gru-greedy-s{s}/samples.parquet") for s in range(3))
    ]
    by_hand = over_seeds(
        [row["nats"].to_numpy() for row in rows],
        rows[0]["cluster"].to_list(),
        [row["num_bytes"].to_numpy(dtype=float) for row in rows],
        1 / math.log(2),
    )
    assert cell.seeds == (0, 1, 2)
    assert cell.estimate == by_hand
    assert cell.estimate.value == pytest.approx(np.mean(cell.per_seed))


def test_a_slice_of_parts_of_documents_has_the_hierarchical_bootstrap_of_the_parts(
    three_seeds: Path, compare: Callable[[Path], Comparison]
) -> None:
    comparison = compare(three_seeds)
    assert comparison.ladder is not None
    cell = comparison.cell("gru", "any", comparison.ladder, "position=16-31")
    assert cell is not None
    rows = [
        table[table["eval"] == "perplexity"].sort_values("sample_id")
        for table in (pd.read_parquet(three_seeds / f"families/gru-greedy-s{s}/samples.parquet") for s in range(3))
    ]
    values = [[json.loads(text) for text in row["values"]] for row in rows]
    long = [place for place, value in enumerate(values[0]) if "nats@position=16-31" in value]
    assert 0 < len(long) < len(values[0])
    by_hand = over_seeds(
        [[seed[place]["nats@position=16-31"] for place in long] for seed in values],
        rows[0]["cluster"].iloc[long].to_list(),
        [[16.0] * len(long)] * 3,
        1 / math.log(2),
    )
    assert cell.estimate == by_hand


def test_a_measure_that_no_sample_mean_gives_is_put_together_from_the_seeds_summaries(
    three_seeds: Path, compare: Callable[[Path], Comparison]
) -> None:
    comparison = compare(three_seeds)
    median = next(m for m in comparison.measures if m.metric == "turn_tokens")
    cell = comparison.cell("gru", "greedy", median)
    assert cell is not None
    records = [RunRecord.read(three_seeds / f"families/gru-greedy-s{seed}") for seed in range(3)]
    metrics = [m for record in records for m in record.metrics if m.metric == "turn_tokens"]
    values = [m.value for m in metrics if m.value is not None]
    within = np.mean([m.stderr**2 for m in metrics if m.stderr is not None])
    assert cell.estimate.value == pytest.approx(np.mean(values))
    assert cell.estimate.stderr == pytest.approx(math.sqrt(np.var(values, ddof=1) / 3 + within))
    assert cell.estimate.reason is not None
    assert "summaries" in cell.estimate.reason


def test_the_values_of_a_curve_stand_in_their_order(three_seeds: Path, compare: Callable[[Path], Comparison]) -> None:
    comparison = compare(three_seeds)
    assert comparison.ladder is not None
    order = ["0-15", "16-31", "32-63", "64-127"]
    assert comparison.slices(comparison.ladder)["position"] == order
