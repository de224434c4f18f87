"""What is read from inside lm_eval: it must be there in the pinned version, and mean what it is taken for."""

from __future__ import annotations

from pathlib import Path

import pytest
from lm_eval.api.task import ConfigurableTask

from harness.common.errors import UserError
from harness.lm_eval.questions import TaskSelection, explained, load, task_without_data


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
