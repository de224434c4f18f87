"""Neighbours in an order, with the verdicts of the pairs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from harness.report.comparison import Comparison
from harness.report.neighbours import next_models, next_strategies
from harness.report.pairs import compare_pairs, compare_strategies
from tests.harness.report.records import edit_metrics, edit_samples, set_value

Compare = Callable[[Path], Comparison]


def test_each_model_stands_beside_the_next_better_one(three_seeds: Path, compare: Compare) -> None:
    comparison = compare(three_seeds)
    assert comparison.ladder is not None
    table = next_models(comparison, compare_pairs(comparison), comparison.ladder)
    assert table.title == "bits per byte"
    assert [(row.worse, row.better) for row in table.rows] == [("rnn", "ngram"), ("ngram", "gru")]
    assert all(row.is_significant for row in table.rows)


def test_each_model_has_its_best_strategy_beside_its_next_and_equals_are_not_called_better(
    small: Path, compare: Compare
) -> None:
    shares = {"greedy": 2, "temperature": 1, "top_k": 2, "top_p": 0}  # right in so many of three
    for run in small.glob("*-s0"):
        right = shares[run.name.split("-")[1]]
        edit_samples(run, "arithmetic", lambda i: {"exact_match": float(i % 3 < right)})  # noqa: B023

    for name, right in shares.items():
        for run in small.glob(f"*-{name}-s0"):
            set_value(run, "exact_match", right / 3)
    comparison = compare(small)
    exact = next(m for m in comparison.headlines if m.metric == "exact_match")
    table = next_strategies(comparison, compare_strategies(comparison), exact)
    assert [(row.of, row.better, row.worse, row.verdict) for row in table.rows] == [
        ("rnn", "greedy", "top_k", "equal"),
        ("ngram", "greedy", "top_k", "equal"),
    ]
    assert not any(row.is_significant for row in table.rows)


def test_a_measure_that_is_no_sum_over_samples_says_so_once(small: Path, compare: Compare) -> None:
    edit_metrics(small, lambda metric: metric.update(sum_of=None))
    comparison = compare(small)
    assert comparison.ladder is not None
    pairs = compare_pairs(comparison)
    table = next_models(comparison, pairs, comparison.ladder)
    assert table.why_not == "the measure is no sum over samples, so there is no paired test"
