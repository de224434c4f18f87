"""What stages of post-training came to: means over seeds, by hand."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from harness.report import write_report
from harness.report.comparison import Comparison
from harness.report.stages import COLUMNS, stage_lines, stage_rows, stage_rows_of_run, stages
from harness.runs.record import RunRecord
from tests.harness.report.fake_results import MODELS
from tests.harness.report.records import SFT, edit, rloo


@pytest.mark.usefixtures("no_plots")
def test_gains_are_in_deviations_of_before_and_means_over_seeds(
    three_seeds: Path, tmp_path: Path, compare: Callable[[Path], Comparison]
) -> None:
    results = shutil.copytree(three_seeds, tmp_path / "results")
    after = {0: (0.75, 0.2), 1: (1.0, 0.1), 2: (1.5, 0.0)}
    for run in results.glob("*/*-s[0-9]"):
        seed = int(run.name[-1])
        edit(run, lambda record, seed=seed: record.update(stages=[SFT, rloo(*after[seed])]))
    comparison = compare(results)
    table = stages(comparison)
    assert list(table.columns) == COLUMNS
    assert list(zip(table["stage"], table["place"], strict=True)) == [("sft", 1), ("rloo", 2)] * 3
    sft, last = table.iloc[0], table.iloc[1]
    assert math.isnan(sft["reward_gain"])
    assert last["num_seeds"] == 3
    assert (last["gamed_seeds"], last["gamed"]) == (2, "gold falls (0.2 to 0.1); gold falls (0.2 to 0)")
    assert sft["gamed_seeds"] == 0
    gamed = "gamed in 2 of 3 seeds: gold falls (0.2 to 0.1); gold falls (0.2 to 0)"
    assert [line["gamed"] for line in stage_lines(table.to_dict("records"))][:2] == ["", gamed]
    assert last[["reward_gain", "reward_gain_low", "reward_gain_high"]].tolist() == pytest.approx([7 / 3, 1.0, 4.0])
    assert last[["gold_gain", "gold_gain_low", "gold_gain_high"]].tolist() == pytest.approx([-1.0, -2.0, 0.0])
    assert last[["preference_accuracy", "bayes_accuracy", "episodes"]].tolist() == pytest.approx([0.7, 0.75, 40])
    said = stage_lines(stage_rows(comparison))
    assert said[0] == {
        "model": table["model"].iloc[0],
        "stage": "sft",
        "reward": "–",
        "gold": "–",
        "kl": "–",
        "tokens": "–",
        "cut": "–",
        "gamed": "",
        "accuracy": "–",
        "cost": "2 seconds",
    }
    assert said[1]["reward"] == "+2.33 (+1.00 to +4.00)"
    assert said[1]["accuracy"] == "70.0 % (rater 75.0 %)"
    assert said[1]["cost"] == "40 episodes, 20 ratings, 2 seconds"
    report = write_report(results / "families")
    assert "+2.33 (+1.00 to +4.00)" in report.page.read_text()
    assert len(pd.read_csv(report.page.parent / "stages.csv")) == 6


@pytest.mark.usefixtures("no_plots")
def test_without_stages_there_is_no_section(small: Path, compare: Callable[[Path], Comparison]) -> None:
    assert stages(compare(small)).empty
    assert 'id="stages"' not in write_report(small).page.read_text()


def test_a_run_by_itself_has_its_own_gains(small: Path) -> None:
    run = small / f"{MODELS[3].name}-greedy-s0"
    edit(run, lambda record: record.update(stages=[SFT, rloo(1.0, 0.1)]))
    rows = stage_rows_of_run(RunRecord.read(run))
    assert [list(row) for row in rows] == [COLUMNS, COLUMNS]
    assert [line["gamed"] for line in stage_lines(rows)] == ["", "gamed: gold falls (0.2 to 0.1)"]
    assert [(line["model"], line["stage"], line["reward"], line["gold"]) for line in stage_lines(rows)] == [
        (MODELS[3].name, "sft", "–", "–"),
        (MODELS[3].name, "rloo", "+2.00", "-1.00"),
    ]
