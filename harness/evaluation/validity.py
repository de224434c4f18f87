"""Checks what an eval returns, so that a plugin's mistake is reported and never stored."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict

import pandas as pd

from harness.evaluation.eval import Eval
from harness.evaluation.metric import Metric
from harness.evaluation.requests import Request, Sample, Score
from harness.evaluation.rows import estimated, slices_of


def check_samples(samples: Sequence[Sample]) -> None:
    """ValueError unless these are samples, each with a different id."""
    seen_ids = set()
    for position, sample in enumerate(samples):
        if not isinstance(sample, Sample):
            raise ValueError(f"samples gave {sample!r} at place {position}, which is not a Sample")
        if not sample.id or sample.id in seen_ids:
            raise ValueError(f"the id {sample.id!r} of the sample at place {position} is empty or another sample's")
        seen_ids.add(sample.id)


def check_requests(requests: Sequence[Request]) -> None:
    """ValueError unless these are requests."""
    for request in requests:
        if not isinstance(request, Request):
            raise ValueError(f"requests gave {request!r}, which is not a request ({Request})")


def check_score(score: Score) -> None:
    """ValueError unless this is a score that can be stored, where a number is a finite one or None; its parts too."""
    if not isinstance(score, Score):
        raise ValueError(f"score gave {score!r}, which is not a Score")
    measures: Mapping[str, float | None] = score.values  # noqa: PD011 (no data frame)
    numbers = {**measures, "nats": score.nats, "num_tokens": score.num_tokens, "num_bytes": score.num_bytes}
    for name, value in numbers.items():
        if value is not None and not math.isfinite(value):
            raise ValueError(f"the measure {name!r} is {value}: give None where a value could not be measured")
    for by_value in score.parts.values():
        for part in by_value.values():
            check_score(part)


def check_metrics(eval: Eval, metrics: Sequence[Metric], rows: pd.DataFrame) -> None:
    """ValueError unless these are metrics of the eval from its scored rows, without repetition, each with a
    finite value or a reason why there is none, and equal to its formula where it has one."""
    slices = dict(slices_of(rows))
    names = {metric.metric for metric in metrics}
    seen = set()
    for metric in metrics:
        if not isinstance(metric, Metric) or (metric.eval, metric.eval_version) != (eval.name, eval.version):
            raise ValueError(f"metrics gave {metric!r}, which is not a Metric of {eval.name} version {eval.version}")
        if (metric.metric, metric.slice) in seen:
            raise ValueError(f"metrics gave {metric.metric} of {metric.slice} twice")
        seen.add((metric.metric, metric.slice))
        for name in ("value", "stderr", "ci_low", "ci_high", "chance"):
            value = getattr(metric, name)
            if value is not None and not math.isfinite(value):
                raise ValueError(
                    f"the {name} of the metric {metric.metric} of {metric.slice} is {value}: not a finite number"
                )
        json.dumps(asdict(metric), ensure_ascii=False).encode()  # the record is UTF-8
        if metric.value is None and not metric.reason:
            raise ValueError(f"the metric {metric.metric} of {metric.slice} has neither a value nor a reason why not")
        if metric.baseline_of is not None and metric.baseline_of not in names:
            raise ValueError(
                f"the metric {metric.metric} is shown beside {metric.baseline_of!r}, which is not a metric "
                f"of {eval.name}"
            )
        if metric.nearest_to is not None and (metric.nearest_to not in names or metric.higher_is_better is not None):
            raise ValueError(
                f"the metric {metric.metric} is best nearest to {metric.nearest_to!r}: that must be a metric of "
                f"{eval.name}, and higher_is_better must be None"
            )
        if metric.formula is not None and metric.value is not None:
            if metric.slice not in slices:
                raise ValueError(f"the metric {metric.metric} is of {metric.slice}, but no sample is of that slice")
            summed = estimated(slices[metric.slice], metric.formula).value
            if summed is None or not math.isclose(summed, metric.value, rel_tol=1e-6, abs_tol=1e-9):
                raise ValueError(
                    f"the metric {metric.metric} of {metric.slice} is {metric.value}, but its samples give {summed} by "
                    f"{metric.formula}"
                )
