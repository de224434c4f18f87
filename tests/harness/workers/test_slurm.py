"""Slurm: the script, what is done where there is no sbatch, and a sweep on a real Slurm.

The last one needs Debian's slurm-wlm, takes minutes, and is run on its own:

    python -m pytest -n 0 -s -m campaign tests/harness/workers/test_slurm.py
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.commands import bakeoff, command, environment
from tests.conftest import ROOT
from tests.harness.workers.slurm_node import is_installed, slurm
from tests.harness.workers.sweeps import SWEEP, events, failing, outcomes

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
SLURM = ("launcher=slurm", "launcher.partition=debug", "launcher.memory=4G", "launcher.options=[--gres=gpu:1]")


@pytest.mark.campaign
def test_the_script_is_an_array_of_workers_that_do_the_sweep(tmp_path: Path) -> None:
    done = bakeoff(tmp_path, *SWEEP, *SLURM, "launcher.only_write=true")
    [script] = tmp_path.glob("results/sweeps/*/slurm.sh")
    assert done.stdout == f"wrote {script}: submit it with sbatch\n"
    lines = script.read_text().splitlines()
    asked = ["--array=1-4", "--cpus-per-task=2", "--time=04:00:00", "--mem=4G", "--partition=debug", "--requeue"]
    assert {f"#SBATCH {each}" for each in [*asked, "--gres=gpu:1", "--signal=TERM@30"]} <= set(lines)
    assert outcomes(tmp_path) == {}
    environment = {"SLURM_CPUS_PER_TASK": "1", "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
    worked = subprocess.run(["bash", str(script)], cwd="/", env=environment, capture_output=True, text=True)
    assert worked.stdout.endswith("4 runs: 4 complete\n"), worked.stderr
    assert outcomes(tmp_path) == {"complete": 4}
    assert "all 4 runs of sweep" in bakeoff(tmp_path, *SWEEP, *SLURM).stderr


def test_the_script_is_handed_to_sbatch(tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    path = str(programs)
    done = bakeoff(tmp_path, *SWEEP, *SLURM, status=2, PATH=path)
    assert f"sbatch is not on this machine, so nothing was submitted. The script is {tmp_path}/results/" in done.stderr
    (programs / "sbatch").write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\necho "71;cluster"\n')
    (programs / "sbatch").chmod(0o755)
    done = bakeoff(tmp_path, *SWEEP, *SLURM, PATH=path)
    assert "submitted job 71 for 4 of 4 runs: " in done.stdout
    assert (tmp_path / "asked").read_text().startswith(f"--parsable {tmp_path}/results/sweeps/")
    (programs / "sbatch").write_text("#!/bin/sh\necho 'error: invalid partition specified: debug' >&2\nexit 1\n")
    done = bakeoff(tmp_path, *SWEEP, *SLURM, status=2, PATH=path)
    assert "sbatch refused" in done.stderr
    assert "invalid partition specified: debug. Change launcher.partition" in done.stderr


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
