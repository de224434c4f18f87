"""What an eval gives is looked at before it is believed: a plugin's mistake is to be named, not stored."""

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
    """ValueError unless these are samples with ids of their own."""
    seen = set()
    for place, sample in enumerate(samples):
        if not isinstance(sample, Sample):
            raise ValueError(f"samples gave {sample!r} at place {place}, which is no Sample")
        if not sample.id or sample.id in seen:
            raise ValueError(f"the id {sample.id!r} of the sample at place {place} is empty or another sample's")
        seen.add(sample.id)


def check_requests(requests: Sequence[Request]) -> None:
    """ValueError unless these are requests of a kind that there is."""
    for request in requests:
        if not isinstance(request, Request):
            raise ValueError(f"requests gave {request!r}, which is none of {Request}")


def check_score(score: Score) -> None:
    """ValueError unless this is a score that can be stored, where a number is a finite one or None; its parts too."""
    if not isinstance(score, Score):
        raise ValueError(f"score gave {score!r}, which is no Score")
    measures: Mapping[str, float | None] = score.values  # noqa: PD011 (no data frame)
    numbers = {**measures, "nats": score.nats, "num_tokens": score.num_tokens, "num_bytes": score.num_bytes}
    for name, value in numbers.items():
        if value is not None and not math.isfinite(value):
            raise ValueError(f"the measure {name!r} is {value}: give None where a value could not be had")
    for by_value in score.parts.values():
        for part in by_value.values():
            check_score(part)


def check_metrics(eval: Eval, metrics: Sequence[Metric], rows: pd.DataFrame) -> None:
    """ValueError unless these are metrics of the eval from its scored rows, each once, where a missing value is None
    and says why, and the others are what they say they are."""
    slices = dict(slices_of(rows))
    names = {one.metric for one in metrics}
    seen = set()
    for one in metrics:
        if not isinstance(one, Metric) or (one.eval, one.eval_version) != (eval.name, eval.version):
            raise ValueError(f"metrics gave {one!r}, which is no Metric of {eval.name} version {eval.version}")
        if (one.metric, one.slice) in seen:
            raise ValueError(f"metrics gave {one.metric} of {one.slice} twice")
        seen.add((one.metric, one.slice))
        for name in ("value", "stderr", "ci_low", "ci_high", "chance"):
            value = getattr(one, name)
            if value is not None and not math.isfinite(value):
                raise ValueError(f"the {name} of the metric {one.metric} of {one.slice} is {value}: no finite number")
        json.dumps(asdict(one), ensure_ascii=False).encode()  # the record is UTF-8
        if one.value is None and not one.reason:
            raise ValueError(f"the metric {one.metric} of {one.slice} has neither a value nor a reason why not")
        if one.baseline_of is not None and one.baseline_of not in names:
            raise ValueError(
                f"the metric {one.metric} stands beside {one.baseline_of!r}, which is no metric of {eval.name}"
            )
        if one.formula is not None and one.value is not None:
            if one.slice not in slices:
                raise ValueError(f"the metric {one.metric} is of {one.slice}, but no sample is of that slice")
            summed = estimated(slices[one.slice], one.formula).value
            if summed is None or not math.isclose(summed, one.value, rel_tol=1e-6, abs_tol=1e-9):
                raise ValueError(
                    f"the metric {one.metric} of {one.slice} is {one.value}, but its samples give {summed} by "
                    f"{one.formula}"
                )
