"""The defaults of an eval."""

from __future__ import annotations

import pytest

from harness.common.errors import UserError
from harness.evaluation.eval import metric_of, no_reference_models
from harness.evaluation.requests import Complete, Sample, Score
from harness.evaluation.rows import table
from harness.plugin_kit.chain import ChainConfig
from harness.statistics.estimate import Estimate
from tests.harness.evaluation.counting import MATERIAL, Counting

SAMPLES = list(Counting(("a", "b", "c", "e")).samples(MATERIAL))


def test_metrics_are_the_mean_of_each_measure_over_every_slice() -> None:
    scores = [Score({"right": right, "length": length}) for right, length in ((1, 2), (0, 4), (0, 6), (None, 8))]
    metrics = {(each.slice, each.metric): each for each in Counting().metrics(table("counting", SAMPLES, scores))}
    assert {key: each.value for key, each in metrics.items()} == {
        ("all", "right"): pytest.approx(1 / 3),
        ("all", "length"): 5.0,
        ("kind=other", "right"): 0.0,
        ("kind=other", "length"): 5.0,
        ("kind=vowel", "right"): 1.0,
        ("kind=vowel", "length"): 5.0,
    }
    share = metrics["all", "right"]
    assert (share.n, share.n_total, share.unit, share.chance, share.eval_version) == (3, 4, "share", 0.5, 2)
    assert (share.ci_low, share.reason) == (None, "only 3 clusters: no interval, which takes 5")
    assert metrics["all", "length"].higher_is_better is None


def test_what_no_sample_has_is_missing_with_a_reason_and_never_zero() -> None:
    rows = table("counting", SAMPLES[:2], [Score({"right": None}), Score({})])
    for each in Counting().metrics(rows):
        assert each.value is None
        assert each.reason


def test_a_metric_carries_its_estimate_whole() -> None:
    metric = metric_of(Counting(), "x", Estimate(1.5, 2, 3, 0.1, 1.3, 1.7, "few"), "nats", False, "a=b", 2.0)
    assert (metric.eval, metric.metric, metric.slice, metric.unit, metric.higher_is_better) == (
        "counting",
        "x",
        "a=b",
        "nats",
        False,
    )
    assert (metric.value, metric.n, metric.n_total, metric.stderr) == (1.5, 2, 3, 0.1)
    assert (metric.ci_low, metric.ci_high, metric.chance, metric.reason) == (1.3, 1.7, 2.0, "few")


def test_the_perfect_answer_is_the_target_and_not_known_without_one() -> None:
    request = Complete("p", 3)
    assert Counting().perfect_answer(Sample("a", "p", target="t"), request) == "t"
    assert Counting().perfect_answer(Sample("a", "p"), request) is None


def test_without_reference_models_an_eval_that_needs_one_says_so() -> None:
    with pytest.raises(UserError, match="no model to measure against"):
        no_reference_models(ChainConfig())
