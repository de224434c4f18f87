"""`bakeoff power` as a user calls it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.cli.main import status_of
from harness.statistics.power import PairDesign, detectable, seeds_needed
from tests.commands import refused_without_torch
from tests.harness.report.fake_results import MODELS, write_fake_results

STATED = ["power", "--clusters", "60", "--sd-clusters", "0.08", "--sd-seeds", "0.02"]


def test_stated_numbers_give_the_differences_and_the_seeds_that_are_needed(capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of([*STATED, "--difference", "0.05"]) == 0
    said = capsys.readouterr().out
    design = PairDesign(60, 3, 0.08, 0.02)
    row = next(line.split() for line in said.splitlines() if line.split()[:1] == ["3"])
    assert float(row[1]) == pytest.approx(detectable(design), rel=1e-3)
    assert f"To tell 0.05 apart with 60 clusters: {seeds_needed(design, 0.05)} seeds a model." in said
    assert status_of([*STATED, "--difference", "0.011", "--comparisons", "10"]) == 0
    said = capsys.readouterr().out
    assert "with 80 % power, as one of 10 comparisons:" in said
    assert re.search(r"60 clusters: no number of seeds is enough \(\d % power with 1,000\)", said)


def test_runs_give_the_spreads_that_they_have(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_fake_results(tmp_path, 1, models=MODELS[3:5], num_documents=8, num_problems=30, mishaps=False)
    words = ["power", str(tmp_path / "families"), "--measure", "exact_match", "--difference", "0.2"]
    assert status_of(words) == 0
    said = capsys.readouterr().out
    assert "30 test clusters" in said
    assert "no model depends on its seed (arithmetic.exact_match, the medians of 1 pairs)" in said
    assert re.search(r"To tell 20.0 % apart with 30 clusters: one fit of each has \d+ % power.", said)


REFUSED = {
    ("--clusters", "60"): "--sd-clusters is missing: --clusters and --sd-clusters are stated together",
    ("--sd-seeds", "0.1"): "--sd-seeds goes with --clusters and --sd-clusters",
    ("families", "--clusters", "60", "--sd-clusters", "1"): "Spreads come from runs or are stated, not both",
    ("nowhere",): "'nowhere' is neither a folder nor an experiment in results",
}


def test_a_wrong_command_line_is_refused_without_torch(tmp_path: Path) -> None:
    said = refused_without_torch([["power", *words] for words in REFUSED], tmp_path)
    assert [text for text, wanted in zip(said, REFUSED.values(), strict=True) if wanted not in text] == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--power", "2"], "'2' is not allowed: it must be a number above 0 and below 1"),
        (["--clusters", "4"], "'4' is not allowed: it must be a whole number, 5 or more"),
        (["--comparisons", "two"], "'two' is not allowed: it must be a whole number, 1 or more"),
        (["--difference", "nan"], "'nan' is not allowed: it must be a number above 0"),
    ],
)
def test_a_number_out_of_range_is_refused(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        status_of(["power", *words])
    assert said in capsys.readouterr().err
