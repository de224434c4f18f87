"""Workers as an array job of Slurm: the script is written, and handed to sbatch.

Each task is a worker like any other. No task must live, and no accounting is needed: what is done is seen in the
results folder. A task whose node is taken back writes a checkpoint and is queued again; one that reaches its time limit
writes a checkpoint, and the same command goes on from it.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from harness.common.errors import UserError
from harness.common.files import write_bytes
from harness.workers.planned import PlannedSweep, Round
from harness.workers.settings import Slurm, SweepSettings

_MOST_TASKS = 16
_SCRIPT = "slurm.sh"


def write_script(sweep: PlannedSweep, start: Round, slurm: Slurm, settings: SweepSettings) -> Path:
    """Write the script of the array job. UserError where the sweep's folder has a name that Slurm can't read."""
    folder = sweep.folder.absolute()
    tasks = min(slurm.tasks or _MOST_TASKS, max(1, len(start.missing)))
    asked = {
        "job-name": f"bakeoff-{sweep.id}",
        "array": f"1-{tasks}",
        "cpus-per-task": slurm.cpus_per_task,
        "time": slurm.time,
        "mem": slurm.memory,
        "partition": slurm.partition,
        "output": shlex.quote(str(sweep.workers.absolute() / "slurm-%A_%a.log")),
        "open-mode": "append",
        "signal": "TERM@30",
    }
    lines = [f"#SBATCH --{name}={value}" for name, value in asked.items() if value is not None]
    lines += ["#SBATCH --requeue", *(f"#SBATCH {option}" for option in slurm.options)]
    plugins = [word for file in sweep.plugins for word in ("--plugin", file)]
    words = [sys.executable, "-m", "harness.cli.main", "work", str(folder), *plugins, *settings.flags]
    script = folder / _SCRIPT
    body = [
        "#!/bin/bash",
        *lines,
        "export OMP_NUM_THREADS=$SLURM_CPUS_PER_TASK MKL_NUM_THREADS=$SLURM_CPUS_PER_TASK",
        f"cd {shlex.quote(sweep.started_in)} || exit 1",
        f"exec {shlex.join(words)}",
    ]
    write_bytes(script, "".join(f"{line}\n" for line in body).encode())
    return script


def submit(script: Path) -> str:
    """Hand a script to sbatch; returns the job's id. UserError where there is no sbatch, or it refuses."""
    if shutil.which("sbatch") is None:
        raise UserError(
            f"sbatch is not on this machine, so nothing was submitted. The script is {script}: submit it where Slurm "
            "is, or leave launcher=slurm out."
        )
    done = subprocess.run(["sbatch", "--parsable", str(script)], capture_output=True, text=True)
    if done.returncode != 0:
        raise UserError(
            f"sbatch refused {script}: {' '.join(done.stderr.split())}. Change launcher.partition, launcher.time or "
            "launcher.memory, and give the same command again."
        )
    return done.stdout.strip().partition(";")[0]
