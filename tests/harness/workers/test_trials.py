"""A search with several workers: the same trials as with one, whatever happens to a worker."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from harness.common.errors import UserError
from harness.workers.trials import make_trials
from tests.commands import bakeoff, command, environment
from tests.harness.runs.tuning.searches import SMALL, tuner

SEARCH = (
    "tune",
    *SMALL,
    "model=uniform,bigram,ngram",
    "tune.trials=3",
    "tune.confirm_seeds=1",
    "tune.confirm_best=2",
)
TWO = "sweep.workers=2"

# n-grams that end their process at order 3, where a file says so
DEADLY = """
import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from models.settings.ngram import NGramConfig


@dataclass(frozen=True)
class Deadly(NGramConfig):
    family: ClassVar[str] = "deadly"

    def build(self, vocab_size, start_token):
        if self.order == 3 and Path("deadly").exists():
            os._exit(9)
        return super().build(vocab_size, start_token)
"""


def lines(folder: Path) -> list[dict[str, Any]]:
    path = folder / "results" / "tuning" / "tuning" / "trials.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()]


def table(folder: Path) -> pd.DataFrame:
    """The trials, but for their time."""
    return pd.read_csv(folder / "results" / "tuning" / "tuning" / "trials.csv").drop(columns="seconds")


@pytest.fixture(scope="module")
def serial(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    folder = tmp_path_factory.mktemp("serial")
    bakeoff(folder, *SEARCH)
    return folder


@pytest.mark.campaign
def test_two_workers_make_each_trial_once_and_the_same_trials_as_one(serial: Path, tmp_path: Path, cache: Path) -> None:
    done = bakeoff(tmp_path, *SEARCH, TWO)
    pd.testing.assert_frame_equal(table(tmp_path), table(serial))
    made = Counter((line["family"], line["number"], line["seed"]) for line in lines(tmp_path))
    assert set(made.values()) == {1}
    assert "ngram: trial 3: " in done.stderr
    logs = sorted((tmp_path / "results" / "tuning" / "tuning" / "workers").glob("*.log"))
    assert len(logs) == 2
    assert all(": trial " in log.read_text() for log in logs)
    again = bakeoff(tmp_path, *SEARCH, TWO)
    assert "trial" not in again.stderr
    assert len(list((tmp_path / "results" / "tuning" / "tuning" / "workers").glob("*.log"))) == 2


@pytest.mark.campaign
def test_the_same_command_twice_at_once_shares_the_trials(serial: Path, tmp_path: Path, cache: Path) -> None:
    words = command(*SEARCH, "sweep.workers=1")
    both = [
        subprocess.Popen(words, cwd=tmp_path, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=200)[1].decode() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    pd.testing.assert_frame_equal(table(tmp_path), table(serial))
    assert sum(text.count("ngram: trial") for text in said) == 3 + 2  # with the confirmations
    assert len(lines(tmp_path)) == len(lines(serial))


@pytest.mark.campaign
def test_a_trial_that_ends_its_worker_has_no_value_and_is_made_again_by_the_next_command(
    tmp_path: Path, cache: Path
) -> None:
    (tmp_path / "deadly.py").write_text(DEADLY)
    (tmp_path / "deadly").touch()
    words = ["tune", *SMALL, "model=./deadly.py", "model.order=2,3,4", "tune.searcher=grid", TWO]
    done = bakeoff(tmp_path, *words)
    assert "has no value: its process ended without a word" in done.stderr
    assert status_by_order(tmp_path) == {"2": "complete", "3": "killed", "4": "complete"}
    (tmp_path / "deadly").unlink()
    again = bakeoff(tmp_path, *words[:-1])
    assert "no value" not in again.stderr
    assert status_by_order(tmp_path) == {"2": "complete", "3": "complete", "4": "complete"}


def status_by_order(folder: Path) -> dict[str, str]:
    """The latest status of each order's trial."""
    return {line["settings"]["model.order"]: line["status"] for line in lines(folder)}


def test_a_worker_that_fails_before_its_first_trial_ends_the_search_with_what_it_said(
    tmp_path: Path, cache: Path
) -> None:
    with pytest.raises(UserError, match=r"search failed: its process ended with status 2: .*'nonsense'"):
        make_trials(tuner(tmp_path, "model=bigram", "tune.trials=2"), ["nonsense"], 2)
