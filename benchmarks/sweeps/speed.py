"""What sweeps cost beside their runs.

    python benchmarks/sweeps/speed.py [--quick] [--out DIR]

claims: jobs of 0.1 s (a pause in place of a run), done by 8 workers; what is left of their time, for each job.
finished: the processor time in which the command of a finished sweep of 1,000 runs is seen to be finished.
planning: the same for a command that was never given.
workers: eight equal fits, with one worker and with two, in turns.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from harness.common.results_folder import ResultsFolder
from harness.runs.tracking import Mirror
from harness.training.workshop import Prepared
from harness.workers.planned import PlannedRun, PlannedSweep, Round
from harness.workers.settings import SweepSettings
from harness.workers.worker import Worker

PAUSE, NUM_WORKERS = 0.1, 8
FEW = ("data=chatterbot", "tracking=none", "evals=[]")


@dataclass(frozen=True)
class Done:
    """As much of a record as a worker looks at."""

    status: str = "complete"
    error: str | None = None
    errors: list[object] = field(default_factory=list)


class Pausing(Worker):
    """Pauses in place of a run."""

    def _record(self, run: PlannedRun) -> Done:  # type: ignore[override]
        time.sleep(PAUSE)
        return Done()


def pause(sweep: PlannedSweep, start: Round) -> None:
    """What one of the workers does."""
    Pausing(sweep, start, SweepSettings(), Prepared(), Mirror()).work()


def claims(num_jobs: int) -> float:
    """Milliseconds a job that are not the job's own."""
    with tempfile.TemporaryDirectory() as folder:
        runs = tuple(PlannedRun(number, (), "none", f"run{number}", f"fit{number}") for number in range(num_jobs))
        sweep = PlannedSweep("none-0", ResultsFolder(Path(folder)), runs)
        sweep.write()
        start = sweep.begin_round(range(num_jobs))
        context = multiprocessing.get_context("fork")
        workers = [context.Process(target=pause, args=(sweep, start)) for _ in range(NUM_WORKERS)]
        began = time.perf_counter()
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return 1000 * (NUM_WORKERS * (time.perf_counter() - began) / num_jobs - PAUSE)


def command(folder: Path, *words: str) -> tuple[float, float]:
    """Seconds, and seconds of processor time, of a command of its own."""
    before = os.times()
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "harness.cli.main", *words], cwd=folder, env=os.environ, check=True, capture_output=True
    )
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return time.perf_counter() - began, spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the jobs")
    parser.add_argument("--out", type=Path, help="write speed.csv into this folder")
    options = parser.parse_args()
    num_jobs = 100 if options.quick else 1000
    os.environ["PYTHONPATH"] = str(Path(__file__).resolve().parents[2])
    os.environ["GOMP_SPINCOUNT"] = "1000"
    rows = [("claims", f"{num_jobs} jobs of {PAUSE} s, {NUM_WORKERS} workers", claims(num_jobs), "ms a job")]
    with tempfile.TemporaryDirectory() as name, contextlib.redirect_stdout(io.StringIO()):
        folder = Path(name)
        many = ("run", "-m", "model=uniform", f"seed=range(0,{num_jobs})", *FEW)
        seconds, _ = command(folder, *many, "sweep.workers=2")
        rows.append(("all", f"{num_jobs} runs of uniform, 2 workers", seconds, "s"))
        rows.append(("finished", f"{num_jobs} runs", command(folder, *many, "sweep.workers=2")[1], "s of a core"))
        rows.append(
            (
                "planning",
                f"{num_jobs} runs",
                command(folder, *many, "launcher=slurm", "launcher.only_write=true", "budget.tokens=1000")[1],
                "s of a core",
            )
        )
        fits = ("run", "-m", "model=lstm", "model.d_model=128", "seed=range(0,8)", *FEW)
        tokens = 20_000 if options.quick else 200_000
        for turn in range(1 if options.quick else 3):
            one, two = (
                command(
                    folder, *fits, f"budget.tokens={tokens}", f"sweep.workers={workers}", f"results_dir={turn}{workers}"
                )[0]
                for workers in (1, 2)
            )
            rows.append(("workers", f"8 fits, one worker over two, turn {turn + 1}", one / two, "ratio"))
    made = pd.DataFrame(rows, columns=["what", "of", "value", "unit"]).round(2)
    print(made.to_string(index=False))
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        made.to_csv(options.out / "speed.csv", index=False)


if __name__ == "__main__":
    main()
