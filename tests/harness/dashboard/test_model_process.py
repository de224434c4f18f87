from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.common.errors import UserError
from harness.dashboard.model_process import ModelProcess, Models


@pytest.fixture(scope="module")
def process(fits: Path) -> Iterator[ModelProcess]:
    opened = ModelProcess(fits)
    yield opened
    opened.close()


def complete(run: str, **more: Any) -> dict[str, Any]:
    asked = {"task": "complete", "run": run, "prompt": "a", "max_new_tokens": 20, "stop": [], "seed": 0}
    return {**asked, "decoding": "temperature", "settings": {}, **more}


def test_one_request_after_another(process: ModelProcess, run_of: dict[str, str]) -> None:
    for _ in range(2):
        *texts, last = process.answers(complete(run_of["gru"]))
        assert all(text["text"] for text in texts)
        assert last["done"]["num_tokens"] <= 20


def test_what_the_process_refuses_is_raised(process: ModelProcess, run_of: dict[str, str]) -> None:
    with pytest.raises(UserError, match="no decoding strategy"):
        list(process.answers(complete(run_of["gru"], decoding="gredy")))
    with pytest.raises(UserError, match="KeyError"):
        list(process.answers({"task": "complete", "run": run_of["gru"]}))
    assert list(process.answers(complete(run_of["gru"])))


@pytest.mark.parametrize("decoding", ["temperature", "best_of_n"])
def test_a_request_that_is_given_up_ends_soon(process: ModelProcess, run_of: dict[str, str], decoding: str) -> None:
    """By word where it is written token by token; else its process is ended, and another one begun."""
    more = {"settings": {"search.num_samples": "64"}} if decoding == "best_of_n" else {}
    began = time.monotonic()
    asked = complete(run_of["transformer"], max_new_tokens=100_000, decoding=decoding, **more)
    list(process.answers(asked, lambda: time.monotonic() - began > 0.5))
    assert time.monotonic() - began < 10
    assert list(process.answers(complete(run_of["gru"])))[-1]["done"]


def test_an_iterator_that_nobody_reads_on_gives_up(process: ModelProcess, run_of: dict[str, str]) -> None:
    answers = process.answers(complete(run_of["gru"], max_new_tokens=100_000))
    assert next(answers)
    answers.close()  # type: ignore[attr-defined]
    assert list(process.answers(complete(run_of["gru"])))[-1]["done"]


def test_a_process_that_is_killed_is_told_of_and_begun_again(fits: Path, run_of: dict[str, str]) -> None:
    process = ModelProcess(fits)
    answers = process.answers(complete(run_of["gru"], max_new_tokens=100_000))
    next(answers)
    assert process._process is not None
    os.kill(process._process.pid, signal.SIGKILL)
    with pytest.raises(UserError, match=r"killed.*memory"):
        list(answers)
    assert list(process.answers(complete(run_of["gru"])))[-1]["done"]
    process.close()


def test_the_process_ends_with_its_server(fits: Path, run_of: dict[str, str]) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom harness.dashboard.model_process import ModelProcess\n"
        f"process = ModelProcess(Path({str(fits)!r}))\n"
        f"list(process.answers({{'task': 'load', 'run': {run_of['uniform']!r}}}))\n"
        "print(process._process.pid, {'torch', 'hydra', 'wandb'} & set(sys.modules), flush=True)\n"
        "import os\nos._exit(0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    pid, loaded = done.stdout.split(maxsplit=1)
    assert loaded.strip() == "set()"
    until = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}").exists()


def test_an_answer_is_kept_and_a_failure_is_asked_again(fits: Path, run_of: dict[str, str]) -> None:
    models = Models(fits)
    asked = {"task": "look", "run": run_of["uniform"], "text": "a", "layer": "", "member": ""}
    assert models.ask("a", asked, 0.0) is None
    first = models.ask("a", asked, 60.0)
    assert models.ask("a", asked, 0.0) is first
    for _ in range(2):
        with pytest.raises(UserError, match="no member"):
            models.ask("a", {**asked, "member": "x"}, 60.0)
    models.warm_up("a", "small/gone")
    models.close()
