"""A metric says how it follows from its samples, whether decoding can change it, and its baseline."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd
import pytest

from harness.evaluation import Baseline, Eval, Formula, Material, Measure, Metric, Sample, Score, estimated, metric_of
from harness.evaluation.metric import bounds_of, headlines
from harness.evaluation.requests import Answer, Request
from harness.evaluation.rows import table
from harness.evaluation.validity import check_metrics
from harness.statistics import mean


@dataclass(frozen=True)
class Riddles(Eval):
    """An eval that only lists its measures."""

    name: ClassVar[str] = "riddles"
    version: ClassVar[int] = 1
    measures: ClassVar[tuple[Measure, ...]] = (
        Measure("solved"),
        Measure("hardness", "nats", higher_is_better=False, uses_decoding=False),
        Measure("by_people", higher_is_better=None, baseline=Baseline("solved", "people")),
    )

    def samples(self, material: Material) -> Iterable[Sample]:
        return ()

    def requests(self, sample: Sample, material: Material) -> Sequence[Request]:
        return ()

    def score(self, sample: Sample, answers: Sequence[Answer], material: Material) -> Score:
        raise NotImplementedError


@pytest.mark.parametrize(
    ("unit", "bounds"),
    [
        ("share", (0.0, 1.0)),
        ("area", (0.0, 1.0)),
        ("bits/byte", (0.0, math.inf)),
        ("tokens", (0.0, math.inf)),
        ("per word", (0.0, math.inf)),
        ("points", (-math.inf, math.inf)),
    ],
)
def test_a_unit_says_which_values_there_can_be(unit: str, bounds: tuple[float, float]) -> None:
    assert bounds_of(unit) == bounds


def test_an_interval_in_the_record_ends_where_values_do() -> None:
    lopsided = mean([0.02, 0.0, 0.01, 0.0, 0.5, 0.0])
    assert lopsided.ci_low is not None
    assert lopsided.ci_low < 0
    assert metric_of(Riddles(), "solved", lopsided, "share", True).ci_low == 0.0
    assert metric_of(Riddles(), "solved", lopsided, "points", True).ci_low == lopsided.ci_low


@pytest.fixture
def rows() -> pd.DataFrame:
    """Three samples: two of the sea, one of the land and without a measure."""
    samples = [Sample(f"r{place}", "?", slices={"of": of}) for place, of in enumerate(("sea", "sea", "land"))]
    scores = [
        Score({"solved": True, "hardness": 4.0, "by_people": 1}, nats=3.0, num_tokens=2, num_bytes=4),
        Score({"solved": False, "hardness": 1.0, "by_people": 1}, nats=5.0, num_tokens=6, num_bytes=12),
        Score({"solved": None, "hardness": None, "by_people": 0}, nats=None, num_tokens=1, num_bytes=9),
    ]
    return table("riddles", samples, scores)


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        (Formula("solved"), 1 / 2),
        (Formula("hardness", scale=2.0), 2 * (4 + 1) / 2),
        (Formula("nats", "num_bytes", 1 / math.log(2)), (3 + 5) / (4 + 12) / math.log(2)),
        (Formula("hardness", "num_tokens"), (4 + 1) / (2 + 6)),
    ],
)
def test_a_formula_sums_measures_and_totals_over_the_samples_that_have_both(
    rows: pd.DataFrame, formula: Formula, value: float
) -> None:
    estimate = estimated(rows, formula)
    assert estimate.value == pytest.approx(value)
    assert (estimate.n, estimate.n_total) == (2, 3)


def test_a_measure_goes_before_a_total_of_its_name() -> None:
    rows = table("riddles", [Sample("a", "?")], [Score({"nats": 7.0}, nats=3.0)])
    assert estimated(rows, Formula("nats")).value == 7.0


def test_an_eval_that_lists_its_measures_says_all_of_it_without_a_word(rows: pd.DataFrame) -> None:
    metrics = {(metric.metric, metric.slice): metric for metric in Riddles().metrics(rows)}
    assert len(metrics) == 9
    check_metrics(Riddles(), list(metrics.values()), rows)
    solved, hardness, people = (metrics[name, "all"] for name in ("solved", "hardness", "by_people"))
    assert [metric.formula for metric in (solved, hardness, people)] == [
        Formula("solved"),
        Formula("hardness"),
        Formula("by_people"),
    ]
    assert [metric.uses_decoding for metric in (solved, hardness, people)] == [True, False, False]
    assert [metric.baseline for metric in (solved, hardness, people)] == [None, None, Baseline("solved", "people")]


def test_the_record_s_entry_is_flat_and_is_read_back_as_it_was(rows: pd.DataFrame) -> None:
    for metric in Riddles().metrics(rows):
        entry = dataclasses.asdict(metric)
        assert not any(isinstance(value, dict | list) for value in entry.values())
        assert Metric(**entry) == metric


def test_a_metric_that_says_nothing_has_no_formula(rows: pd.DataFrame) -> None:
    metric = metric_of(Riddles(), "median", estimated(rows, Formula("hardness")), "nats", None)
    assert (metric.formula, metric.uses_decoding, metric.baseline) == (None, True, None)
    check_metrics(Riddles(), [metric], rows)


def test_a_metric_that_is_best_nearest_to_another_can_be_a_headline_and_names_one_that_is_there(
    rows: pd.DataFrame,
) -> None:
    near = dataclasses.replace(Riddles().metrics(rows)[2], metric="near", baseline_of=None, nearest_to="by_people")
    metrics = [near, *Riddles().metrics(rows)]
    check_metrics(Riddles(), metrics, rows)
    assert headlines(metrics) == [near]
    for wrong in ({"nearest_to": "nothing"}, {"higher_is_better": True}):
        with pytest.raises(ValueError, match="the metric near is best nearest to"):
            check_metrics(Riddles(), [dataclasses.replace(near, **wrong), *metrics[1:]], rows)  # type: ignore[arg-type]


def test_an_eval_that_only_describes_has_its_first_metric_as_headline(rows: pd.DataFrame) -> None:
    describing = metric_of(Riddles(), "median", estimated(rows, Formula("hardness")), "nats", None)
    beside = dataclasses.replace(describing, metric="people", baseline_of="median", baseline_label="people")
    second = dataclasses.replace(describing, metric="mean")
    assert headlines([beside, describing, second]) == [describing]
    judged = dataclasses.replace(describing, metric="solved", higher_is_better=True)
    assert headlines([beside, describing, second, judged]) == [judged]
    assert headlines([judged, dataclasses.replace(describing, metric="bits_per_byte")])[0].metric == "bits_per_byte"


def test_a_formula_that_gives_another_value_is_named_before_it_is_stored(rows: pd.DataFrame) -> None:
    [first, *_] = Riddles().metrics(rows)
    wrong = dataclasses.replace(first, sum_of="hardness")
    with pytest.raises(ValueError, match=r"the metric solved of all is 0.5, but its samples give 2.5 by Formula"):
        check_metrics(Riddles(), [wrong], rows)
    with pytest.raises(ValueError, match="of nowhere, but no sample is of that slice"):
        check_metrics(Riddles(), [dataclasses.replace(first, slice="nowhere")], rows)


def test_a_baseline_of_a_metric_that_is_not_there_is_named(rows: pd.DataFrame) -> None:
    alone = [metric for metric in Riddles().metrics(rows) if metric.metric == "by_people"]
    with pytest.raises(ValueError, match="by_people is shown beside 'solved', which is not a metric of riddles"):
        check_metrics(Riddles(), alone, rows)
