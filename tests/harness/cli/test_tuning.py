"""`bakeoff tune` as a user calls it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from harness.cli.main import status_of
from tests.harness.runs.tuning.searches import SMALL


def test_it_prints_the_best_of_each_family_and_how_to_run_it(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    words = ("tune", *SMALL[1:], "model=uniform,bigram", "tune.trials=2", "evals=[perplexity]", "sweep.workers=1")
    assert status_of(words) == 0
    said = capsys.readouterr()
    assert "bigram: trial 2 of 2" in said.err
    assert re.search(r"bigram +2 +0 ", said.out)
    folder = tmp_path / "results" / "tuning" / "tuning"
    assert {path.name for path in folder.iterdir()} >= {"trials.jsonl", "trials.csv", "trials.parquet", "tuning.md"}
    [line] = re.findall(r"the best bigram: bakeoff (.+)", said.out)
    fits = sorted((tmp_path / "results" / "fits").iterdir())
    assert status_of(shlex.split(line)) == 0  # it finds the fit of the best trial
    assert sorted((tmp_path / "results" / "fits").iterdir()) == fits


def test_a_family_without_a_value_is_status_1(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert (
        status_of(
            [
                "tune",
                *SMALL[1:],
                "model=ngram",
                "model.smoothing=maximum_likelihood",
                "model.order=3",
                "sweep.workers=1",
            ]
        )
        == 1
    )
    assert "no finite probability" in capsys.readouterr().err
