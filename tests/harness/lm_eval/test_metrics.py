"""lm_eval's metrics from invented responses, compared with numbers by hand."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from harness.lm_eval.metrics import Finding, findings, measure, numbers
from harness.lm_eval.questions import Questions, TaskSelection, load
from tests.harness.lm_eval.tasks import TEXTS

NATS = (3.0, 1.0, 8.0, 4.0)  # of the four texts


def questions(tasks: Path, *names: str, limit: float | None = 4) -> Questions:
    return load(TaskSelection(names, str(tasks), limit=limit))


def by_name(task_questions: Questions, responses: dict[str, Any]) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings(task_questions, responses)}


def test_a_measure_is_named_by_its_task_and_by_the_filter_where_there_is_one() -> None:
    assert measure("sums", ("acc", "none")) == "sums.acc"
    assert measure("sums", ("exact_match", "vote")) == "sums.exact_match,vote"


def test_shares_are_means_and_perplexities_the_exponential_of_the_mean(tasks: Path) -> None:
    task_questions = questions(tasks, "toy_sums", limit=5)
    answers = [(-1.0, True), (-2.0, False), (-3.0, False), (-6.0, False), (-3.0, False)]
    metrics = by_name(
        task_questions, {name: [answer] for name, answer in zip(task_questions.by_id, answers, strict=True)}
    )
    accuracy, perplexity = metrics["toy_sums.acc"], metrics["toy_sums.perplexity"]
    assert (accuracy.estimate.value, accuracy.unit, accuracy.higher_is_better) == (0.2, "share", True)
    assert (accuracy.estimate.n, accuracy.estimate.n_total, accuracy.chance) == (5, 5, None)
    assert perplexity.estimate.value == pytest.approx(math.exp(3.0))
    assert (perplexity.estimate.stderr, perplexity.higher_is_better) == (None, False)
    low, high = perplexity.estimate.ci_low, perplexity.estimate.ci_high
    assert low is not None
    assert high is not None
    assert 1 < low < math.exp(3.0) < high


def test_whole_texts_are_weighed_by_their_bytes_and_words(tasks: Path) -> None:
    task_questions = questions(tasks, "toy_texts")
    metrics = by_name(task_questions, {name: [-nats] for name, nats in zip(task_questions.by_id, NATS, strict=True)})
    num_bytes, num_words = len("".join(TEXTS).encode()), sum(len(text.split()) for text in TEXTS)
    values = {name: finding.estimate.value for name, finding in metrics.items()}
    assert values["toy_texts.bits_per_byte"] == pytest.approx(sum(NATS) / math.log(2) / num_bytes)
    assert values["toy_texts.byte_perplexity"] == pytest.approx(math.exp(sum(NATS) / num_bytes))
    assert values["toy_texts.word_perplexity"] == pytest.approx(math.exp(sum(NATS) / num_words))
    assert metrics["toy_texts.bits_per_byte"].unit == "bits/byte"
    assert metrics["toy_texts.word_perplexity"].unit == "per word"


def test_one_text_without_a_probability_removes_the_numbers_of_its_task_only(tasks: Path) -> None:
    task_questions = questions(tasks, "toy_texts", "toy_sums", limit=2)
    responses: dict[str, Any] = {name: [(-1.0, True)] if "sums" in name else [-1.0] for name in task_questions.by_id}
    metrics = by_name(task_questions, {**responses, "toy_texts/1": None})
    for name, finding in metrics.items():
        estimate = finding.estimate
        if name.startswith("toy_texts"):
            assert (estimate.value, estimate.n, estimate.n_total) == (None, 0, 2)
            assert estimate.reason == "the model gives 1 of 2 documents no probability"
        else:
            assert estimate.value is not None


def test_a_perplexity_too_large_for_a_number_is_missing_with_its_reason(tasks: Path) -> None:
    task_questions = questions(tasks, "toy_sums", limit=2)
    metrics = by_name(task_questions, {name: [(-800.0, False)] for name in task_questions.by_id})["toy_sums.perplexity"]
    assert (metrics.estimate.value, metrics.estimate.reason) == (None, "exp(800) is too large to write down")


def test_a_group_weighs_its_tasks_by_their_size_and_chance_is_that_of_the_choices(tasks: Path) -> None:
    task_questions = questions(tasks, "toy_group", limit=None)
    responses: dict[str, Any] = {
        name: [(-1.0, name == "toy_sums/0")] if "sums" in name else [(-1.0, False), (-2.0, False), (-3.0, False)]
        for name in task_questions.by_id
    }
    metrics = by_name(task_questions, responses)
    # of 40 sums the first is right; of 6 questions those whose answer is the first choice: four
    assert metrics["toy_sums.acc"].estimate.value == pytest.approx(1 / 40)
    assert metrics["toy_choices.acc"].estimate.value == pytest.approx(2 / 3)
    assert metrics["toy_choices.acc"].chance == pytest.approx(1 / 3)
    group = metrics["toy_group.acc"]
    assert group.estimate.value == pytest.approx(5 / 46)
    assert (group.estimate.n_total, group.estimate.reason) == (46, "lm_eval's own standard error")


def test_a_group_has_no_interval_where_one_of_its_tasks_has_none(tasks: Path) -> None:
    task_questions = questions(tasks, "toy_group", limit=4)
    responses = {name: [(-float(n % 3), n % 2 == 0)] * 3 for n, name in enumerate(task_questions.by_id)}
    group = by_name(task_questions, responses)["toy_group.acc"].estimate
    assert (group.value is None, group.ci_low) == (False, None)
    assert group.reason == "toy_sums: only 4 clusters: no interval, which takes 5"


def test_a_question_s_numbers_and_of_bits_per_byte_its_nats_and_bytes(tasks: Path) -> None:
    task_questions = questions(tasks, "toy_sums", "toy_texts", limit=1)
    assert numbers(task_questions.by_id["toy_sums/0"], [(-1.5, True)]) == {
        "toy_sums.acc": 1.0,
        "toy_sums.perplexity": -1.5,
    }
    [nats, num_bytes] = numbers(task_questions.by_id["toy_texts/0"], [-1.5]).items()
    assert nats == ("toy_texts.bits_per_byte.nats", 1.5)
    assert num_bytes == ("toy_texts.bits_per_byte.bytes", len(TEXTS[0].encode()))
