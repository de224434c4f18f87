"""A sweep on a real Slurm, one of whose tasks dies, one is cancelled and one is preempted.

It needs Debian's slurm-wlm, and takes minutes:

    python -m pytest -n 0 -s -m campaign tests/harness/workers/test_real_slurm.py
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.commands import command, environment
from tests.harness.workers.slurm_node import is_installed, slurm
from tests.harness.workers.sweeps import events, failing, outcomes

RUNS = (
    "run",
    "-m",
    "model=lstm",
    "model.d_model=32",
    "seed=0,1,2,3,4,5",
    "data=chatterbot",
    "tracking=none",
    "training.checkpoint_seconds=1",
    "budget.tokens=null",
    "budget.seconds=20",
)


@pytest.mark.campaign
@pytest.mark.skipif(not is_installed(), reason="Slurm is not installed (Debian: slurm-wlm)")
def test_one_task_dies_one_is_cancelled_one_is_preempted_and_the_same_command_does_the_rest(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    runs = (*RUNS, *failing(work, "exit"))
    with slurm(tmp_path / "slurm", cpus=6) as of_slurm:
        variables = {**environment(), **of_slurm}

        def do(*words: str) -> str:
            done = subprocess.run(words, cwd=work, env=variables, capture_output=True, text=True, check=True)
            return done.stdout

        def wait_until(is_so: Callable[[], bool], seconds: float = 400) -> None:
            deadline = time.monotonic() + seconds
            while not is_so():
                assert time.monotonic() < deadline
                time.sleep(0.5)

        def all_have_begun() -> bool:
            return len({event["number"] for event in events(work) if event["kind"] == "began"}) == 6

        submitted = do(*command(*runs, "launcher=slurm", "launcher.cpus_per_task=1"))
        job = submitted.split("submitted job ")[1].split()[0]
        wait_until(all_have_begun)
        time.sleep(3)
        do("scancel", f"{job}_1")
        (work / "urgent.sh").write_text("#!/bin/bash\n#SBATCH --partition=urgent --cpus-per-task=2\nsleep 5\n")
        do("sbatch", "urgent.sh")  # needs two cores, of which one is free
        wait_until(lambda: not do("squeue", "-h").strip())
        before = events(work)
        assert len({event["worker"] for event in before}) > 6, "no task was preempted and queued again"
        first = outcomes(work)
        assert first["killed"] == 1
        assert first["complete"] == 5
        assert first.get("stopped", 0) >= 1
        again = subprocess.run(command(*runs), cwd=work, env=variables, capture_output=True, text=True)
        assert again.stdout.endswith("6 runs: 6 complete\n"), again.stderr
        assert [event["kind"] for event in events(work)[len(before) :]] == ["began", "ended", "left"]
