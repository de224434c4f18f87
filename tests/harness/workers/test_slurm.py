"""Slurm: the script, and what is done where there is no sbatch."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.commands import bakeoff
from tests.conftest import ROOT
from tests.harness.workers.sweeps import SWEEP, outcomes

SLURM = ("launcher=slurm", "launcher.partition=debug", "launcher.memory=4G", "launcher.options=[--gres=gpu:1]")


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
    path = f"{programs}:/usr/bin:/bin"
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
