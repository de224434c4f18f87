from __future__ import annotations

import functools
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from lm_eval.tasks import TaskManager

from tests.harness.lm_eval.tasks import write_tasks


@pytest.fixture(scope="session")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tasks(tmp_path_factory.mktemp("tasks"))


@pytest.fixture(autouse=True)
def no_built_in_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Searching lm_eval's own tasks takes seconds, and all of them need a network."""
    own = functools.partialmethod(TaskManager.__init__, include_defaults=False)
    monkeypatch.setattr(TaskManager, "__init__", own)


@pytest.fixture(autouse=True)
def no_list_of_what_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """lm_eval adds the output of pip and other commands to every result; no test reads it."""
    monkeypatch.setattr("torch.utils.collect_env.get_pretty_env_info", lambda: "")


@pytest.fixture(autouse=True)
def handlers_of_its_own() -> Iterator[None]:
    """A command run in this process logs to the standard error of its test, which is closed when the test has ended."""
    yield
    for name in ("bakeoff", "lm_eval"):
        logging.getLogger(name).handlers.clear()
