"""One worker: which runs it does, and what it makes of failures."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands import bakeoff
from tests.harness.workers.sweeps import SWEEP, events, failing, outcomes, without_arithmetic


def test_a_run_that_failed_is_tried_again_where_that_is_asked(tmp_path: Path) -> None:
    overrides = (*without_arithmetic(SWEEP), *failing(tmp_path, "raise"))
    done = bakeoff(tmp_path, *overrides, "sweep.retries=1")
    assert outcomes(tmp_path) == {"partial": 1, "complete": 4}
    assert done.stdout.endswith("4 runs: 4 complete\n")


def test_everything_stops_at_a_failure_where_that_is_asked_and_the_same_command_goes_on(tmp_path: Path) -> None:
    overrides = (*without_arithmetic(SWEEP), *failing(tmp_path, "raise"))
    done = bakeoff(tmp_path, *overrides, "sweep.fail_fast=true", status=1)
    assert "run 1 is partial, and sweep.fail_fast=true" in done.stderr
    assert done.stdout.endswith("4 runs: 1 partial, 3 not finished\n")
    assert bakeoff(tmp_path, *overrides).stdout.endswith("4 runs: 4 complete\n")


def test_a_run_that_is_not_possible_is_refused_and_the_others_are_done(tmp_path: Path) -> None:
    # the last needs more parameters than allowed, which is noticed during the fit
    words = [*(word for word in SWEEP if not word.startswith("model")), "model=unigram,lstm", "budget.num_params=300"]
    done = bakeoff(tmp_path, *words, status=2)
    assert outcomes(tmp_path) == {"complete": 2, "refused": 2}
    assert done.stdout.endswith("4 runs: 2 complete, 2 not finished\n")
    assert done.stderr.count("bakeoff: ") == 2


def test_runs_that_can_not_be_planned_are_refused_before_the_others_begin(tmp_path: Path) -> None:
    words = [word for word in SWEEP if not word.startswith("data")]
    done = bakeoff(tmp_path, *words, "data=chatterbot,text", "data.text.paths=[nowhere]", status=2)
    assert "nowhere" in done.stderr
    assert done.stderr.index("nowhere") < done.stderr.index("run 1 of 4")
    assert outcomes(tmp_path) == {"complete": 4}


def test_a_worker_leaves_after_three_failures_that_are_not_the_runs_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken.py").write_text(
        '"""A broken device."""\n'
        "from dataclasses import dataclass\n"
        "from models.settings.lstm import LSTMConfig\n\n"
        "@dataclass(frozen=True)\n"
        "class Broken(LSTMConfig):\n"
        '    family = "broken"\n\n'
        "    def build(self, *sizes):\n"
        '        raise RuntimeError("the device is gone")\n'
    )
    words = [word for word in SWEEP if not word.startswith("model")]
    done = bakeoff(tmp_path, *words, "model=./broken.py", "seed=0,1,2,3,4", status=1)
    assert outcomes(tmp_path) == {"failed": 3}
    assert "3 runs failed one after another, so this worker takes no more. The last: " in done.stderr
    assert "the device is gone" in done.stderr


def test_a_worker_by_hand_does_what_is_left_and_on_request_what_failed(tmp_path: Path) -> None:
    overrides = (*without_arithmetic(SWEEP), *failing(tmp_path, "raise"))
    bakeoff(tmp_path, *overrides, status=1)
    plugin = ("--plugin", "failing.py")
    assert bakeoff(tmp_path, "work", "default", *plugin, status=1).stdout.endswith("4 runs: 1 partial, 3 complete\n")
    assert outcomes(tmp_path) == {"partial": 1, "complete": 3}
    done = bakeoff(tmp_path, "work", "default", *plugin, "--retry-failed")
    assert done.stdout.endswith("4 runs: 4 complete\n")
    assert outcomes(tmp_path) == {"partial": 1, "complete": 4}


def test_a_worker_imports_no_plugin_file_that_the_user_did_not_name(tmp_path: Path) -> None:
    bakeoff(tmp_path, *without_arithmetic(SWEEP), *failing(tmp_path))
    done = bakeoff(tmp_path, "work", "default", status=2)
    assert f"add --plugin {tmp_path / 'failing.py'}" in done.stderr
    [plan] = tmp_path.glob("results/sweeps/*/sweep.jsonl")
    plan.write_text(plan.read_text().replace(f'"plugins": ["{tmp_path / "failing.py"}"]', '"plugins": []'))
    assert "add --plugin" in bakeoff(tmp_path, "work", "default", status=2).stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing"], "'nothing' is the beginning of no sweep in results. There is: default-"),
        (["default", "--retries", "-1"], "'-1' is not allowed: it must be a whole number, 0 or more"),
        (["default", "--results", "empty"], "There is: none: `bakeoff run -m ...` makes one"),
    ],
)
def test_what_a_worker_can_not_work_on_is_refused(
    words: list[str], said: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp() / "planned"
    if not folder.exists():
        folder.mkdir()
        bakeoff(folder, *SWEEP, "launcher=slurm", "launcher.only_write=true")
    assert said in bakeoff(folder, "work", *words, status=2).stderr


def test_a_sweep_whose_text_changed_since_it_was_planned_is_not_worked_on(tmp_path: Path) -> None:
    (tmp_path / "text").mkdir()
    for name in "abcdef":
        (tmp_path / "text" / f"{name}.txt").write_text(f"The text of {name}. " * 50)
    words = [word for word in SWEEP if not word.startswith(("data", "evals"))]
    own = ("data=text", "data.paths=[text]", "evals=[perplexity]", "launcher=slurm", "launcher.only_write=true")
    bakeoff(tmp_path, *words, *own)
    (tmp_path / "text" / "a.txt").write_text("Another text. " * 60)
    done = bakeoff(tmp_path, "work", "default", status=1)
    assert "its text, a plugin or bakeoff changed since" in done.stderr
    assert outcomes(tmp_path) == {"refused": 4}
    assert not [event for event in events(tmp_path) if event["outcome"] == "complete"]
