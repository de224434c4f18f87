"""lm_eval's tasks as questions: one for each document, with requests that bakeoff answers in its own batches.

Documents, few-shot examples, prompts and stop texts are lm_eval's, drawn with the seeds of its command line. So are
filters and scoring. Only generation uses the run's decoding strategy instead of the task's own options, as in every
eval of bakeoff.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
import json
import logging
import os
import random
import traceback
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from lm_eval.api.filter import FilterEnsemble
from lm_eval.api.group import Group
from lm_eval.api.instance import Instance
from lm_eval.api.task import ConfigurableTask, Task
from lm_eval.defaults import DEFAULT_OTHER_SEED, DEFAULT_RANDOM_SEED
from lm_eval.evaluator_utils import get_sample_size
from lm_eval.tasks import TaskManager

from harness.common.errors import UserError, closest
from harness.completion.sequence import Completion
from harness.evaluation.requests import Answer, Complete, Request, ScoreContinuation, ScoreText
from harness.lm_eval import TASKS_FOLDER
from harness.lm_eval import messages as chat
from harness.lm_eval.generation import GenerationRequest
from harness.scoring.answers import Likelihood
from harness.text.tokenizers.tokenizer import Tokenizer

log = logging.getLogger("bakeoff")

Response = tuple[float, bool] | float | str
"""lm_eval's response to a loglikelihood, a loglikelihood_rolling and a generate_until request."""


@dataclass(frozen=True)
class TaskSelection:
    """Which tasks are asked, and how: options of the same names as on lm_eval's command line."""

    tasks: tuple[str, ...]
    include_path: str | None = None
    num_fewshot: int | None = None
    limit: float | None = None
    apply_chat_template: bool = False


@dataclass(frozen=True)
class Question:
    """One document of a task."""

    id: str
    """task/number, stable from run to run."""
    task: Task
    doc: Any
    instances: Sequence[Instance]
    chat: bool

    @property
    def requests(self) -> list[Request]:
        """The requests to the model; `responses` takes the answers in this order."""
        return [request for instance in self.instances for request in self._requests_of(instance)]

    def _requests_of(self, instance: Instance) -> list[Request]:
        request: Request
        if instance.request_type == "loglikelihood":
            context, continuation = instance.args[:2]
            kept = context.rstrip()  # lm_eval scores its trailing spaces with the continuation
            request = ScoreContinuation(kept, context[len(kept) :] + continuation)
        elif instance.request_type == "loglikelihood_rolling":
            request = ScoreText(instance.args[0])
        else:
            generation = self._generation(instance)
            request = Complete(generation.prompt, generation.max_new_tokens, generation.stop)
        return [request] * (instance.repeats or 1)

    def _generation(self, instance: Instance) -> GenerationRequest:
        return GenerationRequest.of(instance.args[0], instance.args[1], self.chat)

    def responses(self, answers: Sequence[Answer], tokenizer: Tokenizer) -> list[Response | None]:
        """lm_eval's response for each answer; None where the model gives no probability."""
        responses: list[Response | None] = []
        instances = [instance for instance in self.instances for _ in range(instance.repeats or 1)]
        for instance, answer in zip(instances, answers, strict=True):
            if isinstance(answer, Completion):
                responses.append(self._generation(instance).finish(tokenizer.decode(answer.tokens)))
                continue
            assert isinstance(answer, Likelihood)
            if answer.nats is None:
                responses.append(None)
            else:
                responses.append(-answer.nats if answer.is_greedy is None else (-answer.nats, answer.is_greedy))
        return responses

    @property
    def generates(self) -> bool:
        """Whether any text is to be written."""
        return any(instance.request_type == "generate_until" for instance in self.instances)

    def values(self, responses: Sequence[Response]) -> dict[tuple[str, str], Any]:
        """The task's values for the responses, by metric and filter: numbers, or other inputs of its aggregation."""
        rest = iter(responses)
        instances = [
            replace(instance, resps=[next(rest) for _ in range(instance.repeats or 1)], filtered_resps={})
            for instance in self.instances
        ]
        for ensemble in _filters_of(self.task):
            ensemble.apply(instances)
        values = {}
        for name in self.filters:
            scored = self.task.process_results(self.doc, [instance.filtered_resps[name] for instance in instances])
            values.update({(metric, name): value for metric, value in scored.items()})
        return values

    @property
    def filters(self) -> list[str]:
        """The names of the task's filters."""
        return [ensemble.name for ensemble in _filters_of(self.task)]

    @property
    def prompt(self) -> str:
        """The context, or the whole text where a whole text is scored."""
        return str(self.instances[0].args[0])

    @property
    def target(self) -> str:
        """The right answer."""
        target = self.task.doc_to_target(self.doc)
        if isinstance(target, int) and self.task.get_config("doc_to_choice") is not None:
            target = self.task.doc_to_choice(self.doc)[target]
        return target if isinstance(target, str) else json.dumps(target, ensure_ascii=False, default=str)


@dataclass(frozen=True)
class Questions:
    """All questions of the tasks that were asked for."""

    by_id: Mapping[str, Question]
    groups: Mapping[str, Group]
    """The groups that were named, and the groups in them."""
    content_sha256: str
    """SHA-256 (hex) of everything that answers and scores depend on: documents, prompts, task files, lm_eval's
    version."""

    @property
    def generates(self) -> bool:
        """Whether any text is to be written."""
        return any(question.generates for question in self.by_id.values())


@functools.lru_cache(maxsize=8)
def load(selection: TaskSelection) -> Questions:
    """The questions of some tasks, cached in this process. UserError where a task or its data set can't be loaded, or a
    task needs something that bakeoff's models can't do."""
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    questions: dict[str, Question] = {}
    try:
        with lm_eval_seeds(), explained():
            manager, names = _find(selection)
            loaded = manager.load(names)
            for name, task in loaded["tasks"].items():
                _refuse(name, task)
                questions.update((question.id, question) for question in _questions(name, task, selection))
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"lm_eval can't load {', '.join(selection.tasks)} ({type(error).__name__}: {error}). Correct the task, "
            "install what it needs, or leave it out."
        ) from error
    return Questions(questions, loaded.get("groups", {}), _fingerprint(questions.values(), selection))


def _questions(name: str, task: Task, selection: TaskSelection) -> Iterator[Question]:
    shots = task.get_config("num_fewshot")
    if shots is None or (selection.num_fewshot is not None and shots != 0):
        task.set_config(key="num_fewshot", value=selection.num_fewshot or 0)
    task.set_fewshot_seed(seed=DEFAULT_OTHER_SEED)
    with quietly():
        task.build_all_requests(
            limit=get_sample_size(task, selection.limit),
            apply_chat_template=selection.apply_chat_template,
            fewshot_as_multiturn=selection.apply_chat_template,
            chat_template=chat.render if selection.apply_chat_template else None,
        )
    by_doc: dict[int, list[Instance]] = {}
    for instance in task.instances:
        by_doc.setdefault(instance.doc_id, []).append(instance)
    for number, instances in by_doc.items():
        ordered = sorted(instances, key=lambda instance: instance.idx)
        yield Question(f"{name}/{number}", task, ordered[0].doc, ordered, selection.apply_chat_template)


def _find(selection: TaskSelection) -> tuple[TaskManager, list[str]]:
    """A manager that knows the tasks, and their names. Searching lm_eval's own tasks takes seconds, so they are
    searched only where the user's and ours don't suffice."""
    folders = [TASKS_FOLDER, *([Path(os.path.expanduser(selection.include_path))] if selection.include_path else [])]
    manager = TaskManager(include_path=folders, include_defaults=False)
    names = _matching(selection, manager)
    if not names or set(names) & set(manager.all_groups):  # a group may contain lm_eval's own tasks
        log.info("looking through lm_eval's own tasks; this takes some seconds")
        manager = TaskManager(include_path=folders)
        names = _matching(selection, manager)
    if not names:
        missing = next(name for name in selection.tasks if not manager.match_tasks([name]))
        raise UserError(
            f"there is no task {missing!r} in lm_eval or in {', '.join(map(str, folders))}."
            f"{closest(missing, manager.all_tasks)} `lm_eval ls tasks` shows lm_eval's own."
        )
    return manager, names


def _matching(selection: TaskSelection, manager: TaskManager) -> list[str]:
    """The names of the selected tasks, with patterns as mmlu_* expanded; empty where one is missing."""
    matches = [manager.match_tasks([name]) for name in selection.tasks]
    return list(dict.fromkeys(itertools.chain(*matches))) if all(matches) else []


def _refuse(name: str, task: Task) -> None:
    if getattr(task, "UNSAFE_CODE", False):
        raise UserError(f"task {name} runs code that the model writes, which bakeoff doesn't allow. Leave it out.")
    if getattr(task, "MULTIMODAL", False):
        raise UserError(f"task {name} asks about pictures or sound, which bakeoff's models can't read. Leave it out.")


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Silence lm_eval's progress bars and warnings in this block."""
    with contextlib.ExitStack() as stack:
        nowhere = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))
        stack.enter_context(contextlib.redirect_stdout(nowhere))
        stack.enter_context(contextlib.redirect_stderr(nowhere))
        stack.enter_context(warnings.catch_warnings(action="ignore"))
        yield


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Turn an exception for a data set that can't be loaded into a UserError that names the data set and its task."""
    try:
        yield
    except Exception as error:
        task = task_without_data(error)
        if isinstance(error, UserError) or task is None:
            raise
        name = task.config.task if isinstance(task, ConfigurableTask) else type(task).__name__
        reason = " ".join(str(error).split()).rstrip(".")
        raise UserError(
            f"task {name} needs the data set {_data_set(task)}, which can't be loaded here: {reason}. "
            "bakeoff doesn't use the network by itself. With a network, set HF_HUB_OFFLINE=0 once: the data set is "
            "then downloaded and kept on this machine."
        ) from error


def task_without_data(error: BaseException) -> Task | None:
    """The task whose data set could not be loaded; None where the error is about something else.

    lm_eval's error doesn't name the task, so it is read from the traceback, as the `self` of `Task.download`.
    """
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_name == Task.download.__name__ and isinstance(task := frame.f_locals.get("self"), Task):
            return task
    return None


def _filters_of(task: Task) -> list[FilterEnsemble]:
    """A task's filters; each turns the responses into an answer.

    This is a private attribute of lm_eval: its public method applies filters only to the task's own instances.
    """
    filters: list[FilterEnsemble] = task._filters
    return filters


def _data_set(task: Task) -> str:
    files = (task.get_config("dataset_kwargs") or {}).get("data_files") if isinstance(task, ConfigurableTask) else None
    parts = [str(task.DATASET_PATH), *([str(task.DATASET_NAME)] if task.DATASET_NAME else [])]
    return "/".join(parts) + (f" ({files})" if files else "")


@contextlib.contextmanager
def lm_eval_seeds() -> Iterator[None]:
    """Set the global random state that lm_eval's command begins with; restore the earlier state afterwards."""
    before, numpy_before = random.getstate(), np.random.get_state()  # noqa: NPY002
    random.seed(DEFAULT_RANDOM_SEED)
    np.random.seed(DEFAULT_OTHER_SEED)  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(before)
        np.random.set_state(numpy_before)  # noqa: NPY002


def _fingerprint(questions: Any, selection: TaskSelection) -> str:
    digest = hashlib.sha256(f"lm_eval {metadata.version('lm_eval')}".encode())
    if selection.include_path:
        folder = Path(os.path.expanduser(selection.include_path))
        for path in sorted(path for path in folder.rglob("*") if path.suffix in (".py", ".yaml")):
            digest.update(path.read_bytes())
    for question in questions:
        said = [question.id, *map(repr, question.requests), question.doc]
        digest.update(json.dumps(said, sort_keys=True, default=str).encode())
    return digest.hexdigest()
