"""lm_eval's tasks as questions: requests, responses, and values."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from lm_eval.api.task import ConfigurableTask

from harness.common.errors import UserError
from harness.completion.sequence import Completion
from harness.evaluation.requests import Complete, ScoreContinuation, ScoreText
from harness.lm_eval.questions import TaskSelection, explained, lm_eval_seeds, load, task_without_data
from harness.scoring.answers import Likelihood
from harness.text.tokenizers.byte import ByteTokenizerSettings
from tests.harness.lm_eval.tasks import CHOICES, SUMS, TEXTS

BYTES = ByteTokenizerSettings().train([])


def asked(tasks: Path, *names: str, limit: float | None = 2) -> TaskSelection:
    return TaskSelection(names, str(tasks), limit=limit)


def test_each_document_is_a_question_of_a_stable_name_with_its_requests(tasks: Path) -> None:
    by_id = load(asked(tasks, "toy_sums", "toy_texts", "toy_choices", "toy_written")).by_id
    assert list(by_id) == [
        f"{task}/{n}" for task in ("toy_sums", "toy_texts", "toy_choices", "toy_written") for n in (0, 1)
    ]
    assert by_id["toy_sums/1"].requests == [ScoreContinuation(SUMS[1]["context"], SUMS[1]["completion"])]
    assert by_id["toy_texts/0"].requests == [ScoreText(TEXTS[0])]
    assert by_id["toy_choices/1"].requests == [
        ScoreContinuation("To be, or not to", f" {choice}") for choice in ("do", "be", "see")
    ]
    assert by_id["toy_written/0"].requests == [Complete(SUMS[0]["context"], 8, ("\n\n", "\n"))]
    assert (by_id["toy_choices/1"].prompt, by_id["toy_choices/1"].target) == ("To be, or not to", "be")


def test_what_is_to_be_repeated_is_asked_as_often(tasks: Path) -> None:
    [question] = load(asked(tasks, "toy_filtered", limit=1)).by_id.values()
    first, second = question.requests
    assert first == second


def test_lm_eval_gets_the_responses_and_nothing_where_there_is_no_probability(tasks: Path) -> None:
    by_id = load(asked(tasks, "toy_sums", "toy_texts", "toy_written")).by_id
    known, unknown = Likelihood(1.5, 2, is_greedy=True), Likelihood(None, 2, is_greedy=None, reason="a zero")
    assert by_id["toy_sums/0"].responses([known], BYTES) == [(-1.5, True)]
    assert by_id["toy_sums/0"].responses([unknown], BYTES) == [None]
    assert by_id["toy_texts/0"].responses([Likelihood(3.0, 4)], BYTES) == [-3.0]
    tokens = tuple(BYTES.encode(" 19\nmore").tolist())
    written = Completion(" 19\nmore", tokens, (0.0,) * 8, (0.0,) * 8, "length", None)
    assert by_id["toy_written/0"].responses([written], BYTES) == [" 19"]


def test_values_are_lm_eval_s_own_by_metric_and_filter(tasks: Path) -> None:
    by_id = load(asked(tasks, "toy_sums", "toy_choices", "toy_filtered")).by_id
    assert by_id["toy_sums/0"].values([(-1.5, True)]) == {("acc", "none"): 1, ("perplexity", "none"): -1.5}
    # the gold choice is the first; per letter the last is the likeliest
    choices = [(-4.0, False), (-5.0, False), (-6.0, False)]
    values = by_id["toy_choices/0"].values(choices)
    assert (values["acc", "none"], values["acc_norm", "none"]) == (1.0, 0.0)
    assert len(CHOICES[0]["choices"][2]) / 6.0 > len(CHOICES[0]["choices"][0]) / 4.0
    # the majority of the repeats, of a tie the first; the filter for numbers leaves out the space of the right answer
    right = SUMS[0]["completion"]
    filtered = [by_id["toy_filtered/0"].values(repeats) for repeats in ([right, "x"], ["x", right])]
    assert [values["exact_match", "vote"] for values in filtered] == [1.0, 0.0]
    assert filtered[0]["exact_match", "number"] == 0.0


def test_text_is_written_only_where_a_task_asks_for_it(tasks: Path) -> None:
    assert not load(asked(tasks, "toy_sums", "toy_texts")).generates
    assert load(asked(tasks, "toy_sums", "toy_written")).generates


def test_groups_are_known_with_their_members_questions(tasks: Path) -> None:
    questions = load(asked(tasks, "toy_group", limit=1))
    assert list(questions.groups) == ["toy_group"]
    assert set(questions.by_id) == {"toy_sums/0", "toy_choices/0"}


def test_other_documents_are_another_content_and_the_same_ones_are_not(tasks: Path) -> None:
    content = [load(asked(tasks, "toy_texts", limit=limit)).content_sha256 for limit in (1, 2, None)]
    assert len(set(content)) == 3
    load.cache_clear()
    assert load(asked(tasks, "toy_texts", limit=1)).content_sha256 == content[0]


def test_missing_tasks_are_named(tasks: Path) -> None:
    with pytest.raises(UserError, match=r"no task 'toy_summs'.*Did you mean 'toy_sums'"):
        load(asked(tasks, "toy_summs"))


def test_the_random_state_is_lm_eval_s_within_and_ours_afterwards() -> None:
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002
    expected = random.random(), np.random.random()  # noqa: NPY002
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002
    with lm_eval_seeds():
        first = random.random(), np.random.random()  # noqa: NPY002
    assert (random.random(), np.random.random()) == expected  # noqa: NPY002
    assert first == (random.Random(0).random(), np.random.RandomState(1234).random())


def test_an_error_about_something_else_is_raised_unchanged() -> None:
    with pytest.raises(KeyError, match="absent"), explained():
        raise KeyError("absent")


def test_filters_are_those_of_the_task_file_and_take_first_by_default(tasks: Path) -> None:
    # what lm_eval's own log calls the filters: "none" where a task names none
    for task, filters in {"toy_filtered": ["number", "vote"], "toy_written": ["none"], "toy_choices": ["none"]}.items():
        questions = load(TaskSelection((task,), str(tasks), limit=2))
        assert [question.filters for question in questions.by_id.values()] == [filters, filters]


def test_each_filter_gives_a_value_of_its_own(tasks: Path) -> None:
    questions = load(TaskSelection(("toy_filtered",), str(tasks), limit=1))
    [question] = questions.by_id.values()
    assert question.target.startswith(" ")
    # vote: the text written most often (of two, the first); number: the first number in it, without the space
    values = question.values([question.target, "no number"])
    assert values == {("exact_match", "number"): 0.0, ("exact_match", "vote"): 1.0}


def test_the_task_whose_data_set_is_missing_is_known_from_the_error() -> None:
    config = {
        "task": "lost",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": "/nowhere.json"}},
        "test_split": "test",
        "doc_to_text": "?",
        "doc_to_target": "!",
    }
    with pytest.raises(FileNotFoundError) as missing:
        ConfigurableTask(config=dict(config))
    task = task_without_data(missing.value)
    assert isinstance(task, ConfigurableTask)
    assert task.config.task == "lost"
    message = r"task lost needs the data set json \(.*nowhere\.json.*can't be loaded here"
    with pytest.raises(UserError, match=message), explained():
        ConfigurableTask(config=dict(config))


def test_another_error_is_about_no_data_set() -> None:
    with pytest.raises(ZeroDivisionError) as error, explained():
        1 / 0  # noqa: B018
    assert task_without_data(error.value) is None
