"""lm_eval's metrics, from the values of its questions.

A metric has the value that lm_eval reports. For a mean, or a perplexity from totals, the interval is bakeoff's
(harness/statistics/intervals.py), over documents. Otherwise it follows from lm_eval's own standard error.
"""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lm_eval.api.group import Group
from lm_eval.api.metrics import bits_per_byte, mean, nanmean, perplexity, stderr_for_metric, weighted_perplexity

from harness.common.plurals import many
from harness.evaluation.metric import Formula
from harness.lm_eval.questions import Question, Questions, Response, lm_eval_seeds, quietly
from harness.scoring.answers import BITS_PER_NAT
from harness.statistics import intervals
from harness.statistics.derived import from_standard_error, mapped
from harness.statistics.estimate import Estimate, no_interval

# How often lm_eval resamples: enough for a standard error (Efron & Tibshirani 1993, chapter 6).
_RESAMPLES = 200
# Means of these metrics are shares of right answers.
_SHARES = ("acc", "exact_match", "em", "contains")
_GUESSABLE = ("acc", "acc_norm", "acc_bytes")


@dataclass(frozen=True)
class Finding:
    """One metric of a task or a group."""

    task: str
    key: tuple[str, str]
    """The metric's name, and the name of the filter that it is computed on."""
    estimate: Estimate
    unit: str
    higher_is_better: bool | None
    uses_decoding: bool
    chance: float | None = None
    formed_by: Formula | None = None

    @property
    def name(self) -> str:
        return measure(self.task, self.key)


def measure(task: str, key: tuple[str, str]) -> str:
    """A metric's name in our records: task.metric, or task.metric,filter where the filter has a name."""
    metric, filter_name = key
    return f"{task}.{metric}" if filter_name == "none" else f"{task}.{metric},{filter_name}"


@lm_eval_seeds()
def numbers(question: Question, responses: Sequence[Response]) -> dict[str, float]:
    """A question's values that are numbers, by measure; for bits per byte, its nats and bytes."""
    task = question.task
    values: dict[str, float] = {}
    for key, value in question.values(responses).items():
        name = measure(task.task_name, key)
        if _is_number(value):
            values[name] = float(value)
        elif task.aggregation().get(key[0]) is bits_per_byte:
            loglikelihood, num_bytes = value
            values |= {f"{name}.nats": -loglikelihood, f"{name}.bytes": num_bytes}
    return values


@lm_eval_seeds()
def findings(questions: Questions, responses: Mapping[str, Sequence[Response] | None]) -> list[Finding]:
    """All metrics of all tasks and groups. responses: by question's id; None where the model gave no probability."""
    all_findings: list[Finding] = []
    by_task: dict[str, list[Question]] = {}
    for name in responses:
        question = questions.by_id[name]
        by_task.setdefault(question.task.task_name, []).append(question)
    for of_task in by_task.values():
        all_findings += _of_task(of_task, responses)
    return all_findings + [
        group for name in questions.groups for group in _of_group(questions.groups[name], all_findings)
    ]


def _of_task(questions: Sequence[Question], responses: Mapping[str, Sequence[Response] | None]) -> Iterator[Finding]:
    task = questions[0].task
    raw: dict[tuple[str, str], list[Any]] = {}
    num_missing = 0
    for question in questions:
        question_responses = responses[question.id]
        if question_responses is None:
            num_missing += 1
            continue
        for key, value in question.values(question_responses).items():
            raw.setdefault(key, []).append(value)
    if num_missing:
        # the other documents alone would be the ones that suit the model
        raw = {(metric, name): [] for metric in task.aggregation() for name in questions[0].filters}
    for key, values in raw.items():
        metric = key[0]
        aggregate = task.aggregation().get(metric, mean)
        if num_missing:
            reason = f"the model gives {num_missing} of {many(len(questions), 'document')} no probability"
            estimate = Estimate(None, 0, len(questions), reason=reason)
        else:
            estimate = dataclasses.replace(_estimate(aggregate, values), n_total=len(questions))
        yield Finding(
            task.task_name,
            key,
            estimate,
            _unit(metric, aggregate),
            task.higher_is_better().get(metric),
            any(question.generates for question in questions),
            _chance(questions, metric),
            _formula(measure(task.task_name, key), aggregate, values),
        )


def _formula(name: str, aggregate: Callable[[Sequence[Any]], Any], values: Sequence[Any]) -> Formula | None:
    """The formula of a metric over the values that `numbers` keeps; None where there is none."""
    if aggregate is bits_per_byte:
        return Formula(f"{name}.nats", f"{name}.bytes", BITS_PER_NAT)
    return Formula(name) if _is_mean(aggregate, values) else None


def _is_mean(aggregate: Callable[[Sequence[Any]], Any], values: Sequence[Any]) -> bool:
    return aggregate in (mean, nanmean) and all(map(_is_number, values))


def _estimate(aggregate: Callable[[Sequence[Any]], Any], values: Sequence[Any]) -> Estimate:
    if _is_mean(aggregate, values):
        return intervals.mean([float(value) for value in values])
    if aggregate in (weighted_perplexity, bits_per_byte):
        nats, sizes = [-value for value, _ in values], [size for _, size in values]
        if aggregate is bits_per_byte:
            return intervals.ratio_of_totals(nats, sizes, scale=BITS_PER_NAT)
        return _exponential(intervals.ratio_of_totals(nats, sizes))
    if aggregate is perplexity:
        return _exponential(intervals.mean([-value for value in values]))
    return _with_interval(float(aggregate(values)), _stderr(aggregate, values), len(values))


def _exponential(nats: Estimate) -> Estimate:
    """The perplexity, from nats per unit."""
    return mapped(nats, math.exp, f"exp({nats.value or 0:.0f}) is too large to write down")


def _stderr(aggregate: Callable[[Sequence[Any]], Any], values: Sequence[Any]) -> float | None:
    """lm_eval's own standard error; None where it has none."""
    os.environ.setdefault("DISABLE_MULTIPROC", "1")  # otherwise lm_eval starts one process for each processor
    find = stderr_for_metric(aggregate, _RESAMPLES)
    if find is None or len(values) < 2:
        return None
    with quietly():
        return float(find(values))


def _with_interval(value: float, stderr: float | None, n: int) -> Estimate:
    if not math.isfinite(value):
        return Estimate(None, n, n, reason=f"lm_eval's aggregation gives {value}")
    if too_few := no_interval(n, n):
        return Estimate(value, n, n, reason=too_few)
    if stderr is None or not math.isfinite(stderr):
        return Estimate(value, n, n, reason="lm_eval has no standard error for this metric")
    return from_standard_error(value, stderr, n, "lm_eval's own standard error")


def _of_group(group: Group, all_findings: Sequence[Finding]) -> Iterator[Finding]:
    """A group's metrics, from those of its tasks; none where the group has no aggregation."""
    members = {task.task_name for task in group.get_all_tasks()}
    results: dict[str, dict[str, Any]] = {}
    for finding in all_findings:
        if finding.task in members:
            estimate, (metric, filter_name) = finding.estimate, finding.key
            result = results.setdefault(finding.task, {"sample_len": estimate.n_total})
            result[f"{metric},{filter_name}"] = math.nan if estimate.value is None else estimate.value
            result[f"{metric}_stderr,{filter_name}"] = "N/A" if estimate.stderr is None else estimate.stderr
    whole = group.aggregate(results)
    for key in dict.fromkeys(finding.key for finding in all_findings if finding.task in members):
        value = whole.get(",".join(key))
        if value is not None:
            parts = [finding for finding in all_findings if finding.task in members and finding.key == key]
            stderr = whole.get(f"{key[0]}_stderr,{key[1]}")
            size = sum(part.estimate.n_total for part in parts)
            without = next((part for part in parts if part.estimate.stderr is None), None)
            if without is not None:
                estimate = Estimate(float(value), size, size, reason=f"{without.task}: {without.estimate.reason}")
            else:
                estimate = _with_interval(float(value), None if stderr in ("N/A", None) else float(stderr), size)
            uses_decoding = any(part.uses_decoding for part in parts)
            yield Finding(group.name, key, estimate, parts[0].unit, parts[0].higher_is_better, uses_decoding)


def _unit(metric: str, aggregate: Callable[[Sequence[Any]], Any]) -> str:
    if aggregate is bits_per_byte:
        return "bits/byte"
    if aggregate is weighted_perplexity:
        return f"per {metric.partition('_')[0]}"
    return "share" if aggregate in (mean, nanmean) and metric.startswith(_SHARES) else ""


def _chance(questions: Sequence[Question], metric: str) -> float | None:
    """The score of guessing among the choices; None without choices, or with several right ones."""
    task = questions[0].task
    if task.get_config("output_type") != "multiple_choice" or metric not in _GUESSABLE:
        return None
    if any(isinstance(task.doc_to_target(question.doc), list) for question in questions):
        return None
    return sum(1 / len(task.doc_to_choice(question.doc)) for question in questions) / len(questions)


def _is_number(value: Any) -> bool:
    """Whether a value is a finite number, of Python or numpy."""
    try:
        return math.isfinite(value)
    except TypeError:
        return False
