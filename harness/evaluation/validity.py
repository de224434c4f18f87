"""Checks what an eval returns, so that a plugin's mistake is reported and never stored."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict

import pandas as pd

from harness.common.errors import UserError
from harness.completion.sequence import Prompt
from harness.evaluation.eval import Eval
from harness.evaluation.metric import Metric
from harness.evaluation.requests import Complete, Request, Sample, Score
from harness.evaluation.rows import estimated, slices_of


def check_samples(samples: Sequence[Sample]) -> None:
    """ValueError unless these are samples, each with a different id."""
    seen_ids = set()
    for position, sample in enumerate(samples):
        if not isinstance(sample, Sample):
            raise ValueError(f"samples gave {sample!r} at place {position}, which is not a Sample")
        for field in ("id", "prompt", "target", "cluster"):
            _check_text(getattr(sample, field), f"the {field} of the sample at place {position}")
        if not sample.id or sample.id in seen_ids:
            raise ValueError(f"the id {sample.id!r} of the sample at place {position} is empty or another sample's")
        seen_ids.add(sample.id)


def check_requests(requests: Sequence[Request]) -> None:
    """ValueError unless these are requests that can be answered."""
    for request in requests:
        if not isinstance(request, Request):
            raise ValueError(f"requests gave {request!r}, which is not a request ({Request})")
        for field in dataclasses.fields(request):
            value, name = getattr(request, field.name), f"{field.name} of the request {type(request).__name__}"
            if field.name in ("stop", "texts"):
                if not isinstance(value, tuple | list):
                    raise ValueError(f'{name} is {value!r}: it must be several texts, as ("a", "b") or ("a",)')
                for text in value:
                    _check_text(text, f"{name} has {text!r}, which")
            elif field.name != "max_new_tokens":
                _check_text(value, name)
        if isinstance(request, Complete):
            try:
                Prompt(request.prompt, request.max_new_tokens, tuple(request.stop))
            except UserError as error:
                raise ValueError(f"requests gave a Complete that can't be answered: {str(error).rstrip('.')}") from None


def _check_text(value: object, what: str) -> None:
    if not isinstance(value, str):
        raise ValueError(f"{what} is {value!r}: it must be a text")


def check_score(score: Score) -> None:
    """ValueError unless this is a score that can be stored, where a number is a finite one or None; its parts too."""
    if not isinstance(score, Score):
        raise ValueError(f"score gave {score!r}, which is not a Score")
    measures: Mapping[str, float | None] = score.values  # noqa: PD011 (no data frame)
    if not isinstance(measures, Mapping):
        raise ValueError(f"the values of the score are {measures!r}: give them by name, as {{'right': 1.0}}")
    _check_text(score.answer, "the answer of the score")
    numbers = {**measures, "nats": score.nats, "num_tokens": score.num_tokens, "num_bytes": score.num_bytes}
    for name, value in numbers.items():
        if value is not None and not isinstance(value, int | float):
            raise ValueError(
                f"the measure {name!r} is {value!r} ({type(value).__name__}): it must be a number of Python (int, "
                "float or bool), or None where it could not be measured"
            )
        if value is not None and not math.isfinite(value):
            raise ValueError(f"the measure {name!r} is {value}: give None where a value could not be measured")
    for by_value in score.parts.values():
        for part in by_value.values():
            check_score(part)


def check_measures(eval: Eval, sample: Sample, score: Score) -> None:
    """ValueError unless a sample's score has every measure that the eval declares. Where the metrics are the means of
    `measures`, it may have no others: they would be in no metric."""
    declared = [measure.name for measure in eval.measures]
    given = list(score.values)
    parts = [part for by_value in score.parts.values() for part in by_value.values()]
    of_parts = [name for part in parts for name in part.values]  # noqa: PD011 (no data frame)
    missing = [name for name in declared if name not in given]
    undeclared = [name for name in dict.fromkeys([*given, *of_parts]) if name not in declared]
    if type(eval).metrics is not Eval.metrics:
        undeclared = []  # its own metrics may use any value
    if not (missing or undeclared):
        return
    faults = [f"{_named(missing)} {'is' if len(missing) == 1 else 'are'} missing"] if missing else []
    if undeclared:
        faults.append(f"{_named(undeclared)} {'is' if len(undeclared) == 1 else 'are'} not declared")
    raise ValueError(
        f"the score of sample {sample.id!r} has the values {_named(given)}, and {type(eval).__name__}.measures "
        f"declares {_named(declared)}: {' and '.join(faults)}. Give each sample every declared "
        "measure, None where it could not be measured, and declare the others"
    )


def _named(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names)) or "none"


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
