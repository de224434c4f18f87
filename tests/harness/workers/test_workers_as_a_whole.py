"""Sweeps whose workers and drivers are killed at random moments. Takes many minutes, so it is run on its own:

python -m pytest -n 0 -s -m campaign tests/harness/workers/test_workers_as_a_whole.py
"""

from __future__ import annotations

import random
import subprocess
import time
from collections import Counter
from pathlib import Path

import pandas as pd
import psutil
import pytest

from tests.commands import command, environment
from tests.harness.workers.sweeps import events

NUM_KILLS, NUM_RUNS = 200, 24
SWEEP = (
    "run",
    "-m",
    "model=unigram,ngram,lstm,gru",
    "decoding=greedy,top_p",
    "seed=0,1,2",
    "model.lstm.d_model=32",
    "model.gru.d_model=32",
    "data=chatterbot",
    "tracking=none",
    "evals=[perplexity,arithmetic]",
    "evals.arithmetic.num_samples=10",
    "training.checkpoint_seconds=0.2",
    "budget.tokens=60000",
    "sweep.workers=2",
)
MEASURED_TIMES = ("seconds", "peak_memory", "tokens_per_second")


def tables(folder: Path) -> dict[str, bytes]:
    """The tables of the report, without what is measured by a clock."""
    subprocess.run(command("report"), cwd=folder, env=environment(), check=True, capture_output=True)
    found = {}
    for path in sorted((folder / "results" / "default" / "report").glob("*.csv")):
        table = pd.read_csv(path)
        kept = [column for column in table.columns if not any(part in column for part in MEASURED_TIMES)]
        found[path.name] = table[kept].to_csv().encode()
    return found


def make(folder: Path) -> int:
    """Give the sweep's command, undisturbed; returns its status."""
    return subprocess.run(command(*SWEEP), cwd=folder, env=environment(), capture_output=True).returncode


def kill_at_random(folder: Path, rng: random.Random, kills: Counter[str]) -> None:
    """Give the sweep's command again and again, and kill its driver or a worker, until all is done."""
    while True:
        process = subprocess.Popen(
            command(*SWEEP), cwd=folder, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while process.poll() is None:
            time.sleep(rng.uniform(0.5, 10))
            if process.poll() is not None:
                break
            victim = rng.choice([driver := psutil.Process(process.pid), *driver.children()])
            victim.kill()
            kills["driver" if victim == driver else "worker"] += 1
        if process.wait() == 0:
            return


@pytest.mark.campaign
def test_kills_change_no_table_and_cost_little(tmp_path: Path) -> None:
    (tmp_path / "undisturbed").mkdir()
    assert make(tmp_path / "undisturbed") == 0
    expected = tables(tmp_path / "undisturbed")
    rng, kills, ends = random.Random(0), Counter[str](), 0
    num_sweeps = 0
    while sum(kills.values()) < NUM_KILLS:
        folder = tmp_path / f"killed-{(num_sweeps := num_sweeps + 1)}"
        folder.mkdir()
        kill_at_random(folder, rng, kills)
        assert tables(folder) == expected
        ends += sum(event["kind"] == "ended" and event["outcome"] == "complete" for event in events(folder))
        print(f"sweep {num_sweeps}: {dict(kills)} kills, {ends} ends of {num_sweeps * NUM_RUNS} runs", flush=True)
    assert ends <= 1.02 * num_sweeps * NUM_RUNS
