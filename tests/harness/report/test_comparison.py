"""What is compared follows from what the records say of their metrics."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.evaluation.metric import Formula, Metric
from harness.report.comparison import ANY_DECODING, Comparison, MeasureKey
from harness.report.page import render
from harness.report.pairs import compare_pairs
from harness.statistics.intervals import over_seeds

TOKENS = ((3, 5), (4, 4), (6, 1))
"""Of two samples, at three seeds."""


def add(results: Path, formula: Formula | None, values: dict[str, list[list[float]]], value: float = 1.0) -> None:
    """An eval of two samples to every run's files: values by measure, seed and sample."""
    for file in results.rglob("run.json"):
        record = json.loads(file.read_text())
        seed = record["seed"]
        metric = Metric("riddles", 1, "score", "all", value, "points", True, 2, 2, **_fields(formula))
        record["metrics"].append(dataclasses.asdict(metric))
        file.write_text(json.dumps(record))
        rows = pd.read_parquet(file.parent / "samples.parquet")
        more = (
            rows[rows["eval"] == "turn_taking"]
            .head(2)
            .assign(
                eval="riddles",
                sample_id=["a", "b"],
                cluster=["a", "b"],
                values=[
                    json.dumps({name: column[seed][place] for name, column in values.items()}) for place in range(2)
                ],
                num_tokens=list(TOKENS[seed]),
            )
        )
        pd.concat([rows, more], ignore_index=True).to_parquet(file.parent / "samples.parquet", index=False)


def _fields(formula: Formula | None) -> dict[str, Any]:
    return {} if formula is None else dataclasses.asdict(formula)


def measure(comparison: Comparison, name: str = "score") -> MeasureKey:
    return next(one for one in comparison.measures if one.metric == name)


@pytest.fixture
def seeds(three_seeds: Path, tmp_path: Path) -> Path:
    """The results of three seeds, to add to."""
    for file in three_seeds.rglob("*-greedy-*/*"):
        copy = tmp_path / file.relative_to(three_seeds)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(file.read_bytes())
    return tmp_path


def test_a_ratio_without_a_scale_is_a_ratio_of_totals_and_no_mean(
    seeds: Path, compare: Callable[[Path], Comparison]
) -> None:
    won = [[6.0, 1.0], [2.0, 2.0], [3.0, 3.0]]
    add(seeds, Formula("won", "num_tokens"), {"won": won})
    comparison = compare(seeds)
    cell = comparison.cell("gru", "greedy", measure(comparison))
    assert cell is not None
    assert cell.estimate.value == pytest.approx(np.mean([7 / 8, 4 / 8, 6 / 7]))
    assert cell.estimate == over_seeds(won, ["a", "b"], [list(map(float, tokens)) for tokens in TOKENS])
    pairs = compare_pairs(comparison)
    # each seed divides by tokens of its own: there is no pair of one sample
    assert set(pairs[pairs["eval"] == "riddles"]["reason"]) == {"not the same samples"}


def test_a_metric_is_summed_up_from_the_measure_that_it_names_and_not_from_one_of_its_own_name(
    seeds: Path, compare: Callable[[Path], Comparison]
) -> None:
    won, score = [[1.0, 0.5], [0.0, 0.5], [1.0, 1.0]], [[9.0, 9.0]] * 3
    add(seeds, Formula("won"), {"won": won, "score": score})
    comparison = compare(seeds)
    cell = comparison.cell("gru", "greedy", measure(comparison))
    assert cell is not None
    assert cell.estimate == over_seeds(won, ["a", "b"])
    pairs = compare_pairs(comparison)
    assert set(pairs[pairs["eval"] == "riddles"]["difference"]) == {0.0}


def test_a_metric_that_is_no_sum_is_not_paired_though_a_mean_of_its_samples_gives_its_value(
    seeds: Path, compare: Callable[[Path], Comparison]
) -> None:
    add(seeds, None, {"score": [[1.0, 1.0]] * 3})
    comparison = compare(seeds)
    assert comparison.lined_up("gru", "greedy", measure(comparison)) is None


def test_where_the_samples_lack_what_is_summed_up_the_recorded_values_stand(
    seeds: Path, compare: Callable[[Path], Comparison]
) -> None:
    add(seeds, Formula("won", "num_tokens"), {"lost": [[1.0, 1.0]] * 3}, value=0.75)
    comparison = compare(seeds)
    cell = comparison.cell("gru", "greedy", measure(comparison))
    assert cell is not None
    assert cell.estimate.value == 0.75
    assert "summaries" in str(cell.estimate.reason)


def test_whether_decoding_has_a_say_is_read_from_each_metric_and_not_from_equal_values(
    small: Path, compare: Callable[[Path], Comparison]
) -> None:
    for file in small.rglob("run.json"):
        record = json.loads(file.read_text())
        for metric in record["metrics"]:
            if metric["metric"] == "exact_match":
                metric.update(value=0.25)  # the same under every strategy, by chance
            if metric["metric"] == "target_greedy":
                metric.update(uses_decoding=False)
        file.write_text(json.dumps(record))
    comparison = compare(small)
    exact, greedy = measure(comparison, "exact_match"), measure(comparison, "target_greedy")
    assert comparison.decodings_of(exact) == comparison.decodings
    assert comparison.decodings_of(greedy) == (ANY_DECODING,)
    assert comparison.decodings_of(greedy, exact) == comparison.decodings
    assert comparison.decodings_of(measure(comparison, "bits_per_byte")) == (ANY_DECODING,)


def test_answers_are_shown_though_their_eval_s_headline_needs_no_decoding(
    small: Path, compare: Callable[[Path], Comparison]
) -> None:
    for file in small.rglob("run.json"):
        record = json.loads(file.read_text())
        for metric in record["metrics"]:
            if metric["eval"] == "arithmetic":
                metric.update(uses_decoding=False)
        file.write_text(json.dumps(record))
    comparison = compare(small)
    page = render(comparison, compare_pairs(comparison), []).decode()
    assert "arithmetic: the first questions and every model&#39;s answer</summary>" in page.replace("'", "&#39;")
