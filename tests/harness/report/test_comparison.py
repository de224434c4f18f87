"""Estimates over seeds are those that the samples, or the seeds' summaries, give by hand."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.evaluation.metric import Formula, Metric
from harness.report.comparison import ANY_DECODING, Cell, Comparison, MeasureKey
from harness.report.page import render
from harness.report.pairs import compare_pairs
from harness.report.verdicts import Verdicts
from harness.runs.record import RunRecord
from harness.statistics.estimate import Estimate
from harness.statistics.intervals import over_seeds
from tests.harness.report.records import edit_metrics, set_value


def test_over_seeds_the_summary_gives_the_estimate_over_seeds_and_sources_of_the_samples(
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
        [json.loads(text)["source"] for text in rows[0]["slices"]],
    )
    assert cell.seeds == (0, 1, 2)
    assert cell.estimate == by_hand
    assert cell.estimate.value == pytest.approx(np.mean(cell.per_seed))


def test_a_slice_of_parts_of_documents_has_the_estimate_of_the_parts(
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
    parts = [[json.loads(text) for text in row["parts"]] for row in rows]
    long = [place for place, part in enumerate(parts[0]) if "position" in part]
    assert 0 < len(long) < len(parts[0])
    by_hand = over_seeds(
        [[seed[place]["position"]["16-31"]["nats"] for place in long] for seed in parts],
        rows[0]["cluster"].iloc[long].to_list(),
        [[16.0] * len(long)] * 3,
        1 / math.log(2),
        [json.loads(rows[0]["slices"].iloc[place])["source"] for place in long],
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
    assert set(pairs[pairs["eval"] == "riddles"]["reason"]) == {
        "not compared: their samples are not divided by the same"
    }


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


def test_a_strategy_is_the_best_only_where_no_other_is_as_good_and_its_value_has_an_interval(
    small: Path, compare: Callable[[Path], Comparison]
) -> None:
    def best() -> str | None:
        comparison = compare(small)
        return comparison.only_best_decoding(next(m for m in comparison.measures if m.metric == "took_its_turn"))

    for run in small.glob("*-s0"):
        set_value(run, "took_its_turn", 0.0)
    assert best() is None
    set_value(small / "rnn-top_k-s0", "took_its_turn", 0.2)
    assert best() == "top_k"

    def no_interval(metric: dict[str, Any]) -> None:
        metric.update(ci_low=None, ci_high=None)

    edit_metrics(small, no_interval)
    assert best() is None


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
    page = render(comparison, Verdicts.of(comparison), [], small).decode()
    assert "arithmetic: the first questions and every model&#39;s answer</summary>" in page.replace("'", "&#39;")


def test_the_best_decoding_strategy_is_that_of_the_best_value(
    small: Path, compare: Callable[[Path], Comparison]
) -> None:
    """top_k has the best mean, temperature the best value."""
    values = {"greedy": (0.1, 0.2), "temperature": (0.1, 0.8), "top_k": (0.7, 0.7), "top_p": (0.3, 0.4)}
    for name, pair in values.items():
        for family, value in zip(("rnn", "ngram"), pair, strict=True):
            set_value(small / f"{family}-{name}-s0", "exact_match", value)
    comparison = compare(small)
    exact = measure(comparison, "exact_match")
    assert comparison.best_decoding(exact) == "temperature"
    assert comparison.best_decoding(measure(comparison, "bits_per_byte")) == ANY_DECODING


def test_of_decoding_strategies_with_the_same_best_value_the_one_with_the_best_mean_is_best(
    small: Path, compare: Callable[[Path], Comparison]
) -> None:
    for name, low in (("greedy", 0.1), ("temperature", 0.2), ("top_k", 0.3), ("top_p", 0.1)):
        for family, value in (("rnn", low), ("ngram", 0.8)):
            set_value(small / f"{family}-{name}-s0", "exact_match", value)
    comparison = compare(small)
    assert comparison.best_decoding(measure(comparison, "exact_match")) == "top_k"


@pytest.mark.parametrize(
    ("value", "target", "higher_is_better", "goodness"),
    [
        (0.2, None, True, 0.2),
        (0.2, None, False, -0.2),
        (0.2, 0.5, None, -0.3),
        (0.6, 0.5, None, -0.1),
        (0.6, None, None, None),
        (None, 0.5, None, None),
    ],
)
def test_a_value_is_as_good_as_it_is_high_or_low_or_near(
    value: float | None, target: float | None, higher_is_better: bool | None, goodness: float | None
) -> None:
    nearest_to = None if target is None else "real"
    key = MeasureKey("e", "m", "share", higher_is_better, True, None, nearest_to)
    cell = Cell(key, Estimate(value, 1, 1), (0,), (), None, target)
    assert cell.goodness == pytest.approx(goodness)
    assert dataclasses.replace(cell, target=None).goodness is None or target is None
