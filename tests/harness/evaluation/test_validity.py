"""A plugin's mistake is named, not stored."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from harness.evaluation.metric import Metric
from harness.evaluation.requests import Complete, Compress, Request, Sample, Score, ScoreContinuation, ScoreText
from harness.evaluation.rows import table
from harness.evaluation.validity import check_measures, check_metrics, check_requests, check_samples, check_score
from tests.harness.evaluation.counting import Counting

METRIC = Metric("counting", 2, "right", "all", 0.5, "share", True, 2, 2)
ROWS = table("counting", [Sample("a", "p"), Sample("b", "p")], [Score({"right": 1.0}), Score({"right": 0.0})])


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        (["a"], "not a Sample"),
        ([Sample("", "p")], "place 0 is empty"),
        ([Sample("a", "p"), Sample("b", "p"), Sample("a", "q")], "'a' of the sample at place 2"),
        ([Sample("a", 5)], "the prompt of the sample at place 0 is 5: it must be a text"),  # type: ignore[arg-type]
    ],
)
def test_samples_must_have_ids_of_their_own(samples: Any, words: str) -> None:
    check_samples([Sample("a", "p"), Sample("b", "p")])
    with pytest.raises(ValueError, match=words):
        check_samples(samples)


def test_only_requests_are_asked() -> None:
    check_requests([Complete("a", 1), ScoreText("b")])
    wrong: Any = [Complete("a", 1), "b"]
    with pytest.raises(ValueError, match="requests gave 'b'"):
        check_requests(wrong)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (Complete("a", -4), "max_new_tokens=-4 is not allowed: a whole number, 0 or more"),
        (Complete("a", 4, (".", "")), "a stop text is empty"),
        (Complete("a", 4, "."), r"stop of the request Complete is '\.': it must be several texts"),  # type: ignore[arg-type]
        (Complete(b"a", 4), "prompt of the request Complete is b'a': it must be a text"),  # type: ignore[arg-type]
        (ScoreContinuation("a", None), "continuation of the request ScoreContinuation is None"),  # type: ignore[arg-type]
        (Compress(("a", 5)), "texts of the request Compress has 5"),  # type: ignore[arg-type]
    ],
)
def test_a_request_that_can_not_be_answered_is_refused(wrong: Request, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check_requests([wrong])


@pytest.mark.parametrize(
    ("score", "words"),
    [
        (Score({"right": "high"}), r"the measure 'right' is 'high' \(str\): it must be a number"),  # type: ignore[dict-item]
        (Score({"right": np.int64(1)}), r"\(int64\): it must be a number"),  # type: ignore[dict-item]
        (Score(1.0), "the values of the score are 1.0: give them by name"),  # type: ignore[arg-type]
        (Score({}, 5), "the answer of the score is 5: it must be a text"),  # type: ignore[arg-type]
    ],
)
def test_a_score_of_the_wrong_kind_names_what_is_wrong(score: Score, words: str) -> None:
    check_score(Score({"right": True}, "yes"))
    with pytest.raises(ValueError, match=words):
        check_score(score)


@dataclasses.dataclass(frozen=True)
class OwnMetrics(Counting):
    def metrics(self, rows: Any) -> list[Metric]:
        return []


def test_a_score_has_the_measures_that_its_eval_declares() -> None:
    sample, both = Sample("a", "p"), {"right": 1.0, "length": None}
    check_measures(Counting(), sample, Score(both))
    with pytest.raises(ValueError, match=r"has the values 'rihgt', 'length'.*'right' is missing and 'rihgt' is not"):
        check_measures(Counting(), sample, Score({"rihgt": 1.0, "length": 1.0}))
    with pytest.raises(ValueError, match="'more' is not declared"):
        check_measures(Counting(), sample, Score({**both, "more": 1.0}))
    with pytest.raises(ValueError, match="'more' is not declared"):
        check_measures(Counting(), sample, Score(both, parts={"position": {"0-15": Score({"more": 1.0})}}))
    check_measures(OwnMetrics(), sample, Score({**both, "more": 1.0}))
    with pytest.raises(ValueError, match="'length' is missing"):
        check_measures(OwnMetrics(), sample, Score({"right": 1.0, "more": 1.0}))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_score_s_numbers_are_finite_or_none(value: float) -> None:
    check_score(Score({"a": None, "b": 1.5}))
    with pytest.raises(ValueError, match="the measure 'b'"):
        check_score(Score({"a": 1.0, "b": value}))
    with pytest.raises(ValueError, match="the measure 'nats'"):
        check_score(Score({}, nats=value))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"eval": "other"}, "not a Metric of counting version 2"),
        ({"eval_version": 1}, "not a Metric of counting version 2"),
        ({"value": math.nan}, "the value of the metric right of all is nan"),
        ({"ci_high": math.inf}, "the ci_high"),
        ({"value": None}, "neither a value nor a reason"),
        ({"baseline_of": "left", "baseline_label": "guessing"}, "is shown beside 'left', which is not a metric"),
        ({"sum_of": "right", "value": 0.6}, "is 0.6, but its samples give 0.5"),
        ({"sum_of": "right", "slice": "a=b"}, "no sample is of that slice"),
    ],
)
def test_a_metric_that_could_not_be_believed_is_refused(changes: dict[str, Any], words: str) -> None:
    check_metrics(Counting(), [METRIC, dataclasses.replace(METRIC, slice="a=b", value=None, reason="none")], ROWS)
    with pytest.raises(ValueError, match=words):
        check_metrics(Counting(), [dataclasses.replace(METRIC, **changes)], ROWS)


def test_a_metric_is_given_once() -> None:
    with pytest.raises(ValueError, match="right of all twice"):
        check_metrics(Counting(), [METRIC, METRIC], ROWS)


def test_a_metric_that_utf8_can_not_hold_is_refused() -> None:
    with pytest.raises(UnicodeEncodeError):
        check_metrics(Counting(), [dataclasses.replace(METRIC, slice="a=\ud800")], ROWS)
