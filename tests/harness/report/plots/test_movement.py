"""Reward against movement is drawn where the last stage of a fit says both."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.report import write_report
from harness.report.comparison import Comparison
from harness.report.plots.movement import _averaged, movements
from tests.harness.report.records import edit

FACTS = {"stage": "rloo", "spent": {}, "reward_before": 0.5, "reward_deviation_before": 0.25}
SFT = {"stage": "sft", "spent": {}}
GOLD_FACTS = {"gold_before": 1.0, "gold_deviation_before": 2.0}
STEPS = {"kl_nats": [0.0, 1.5, 3.0, 4.25], "reward": [0.5, 0.75, 1.0, 1.5], "gold": [1.0, 3.0, 2.0, 0.0]}


def add(experiment: Path, facts: dict[str, object], columns: list[str]) -> None:
    """A last stage, and what it wrote down at each step, to every run."""
    for folder in (path.parent for path in experiment.glob("*/run.json")):
        edit(folder, lambda record: record.update(stages=[facts]))
        curve = pd.DataFrame({"step": range(4), "tokens": [1, 2, 3, 4]} | {name: STEPS[name] for name in columns})
        curve.to_parquet(folder / "curve.parquet")


def test_a_plot_a_family_says_how_the_reward_and_gold_end(small: Path, compare: Callable[[Path], Comparison]) -> None:
    add(small, FACTS | GOLD_FACTS, list(STEPS))
    plots = [plot for plot in movements(compare(small)) if plot is not None]
    assert len(plots) == 2
    for plot in plots:
        assert "+4.00 at 4.2 nats, gold -0.50, at its best +1.00" in plot.alt
        assert "Dashed" in plot.caption
    assert {f"{plot.name}.svg" for plot in plots} <= {path.name for path in write_report(small).files}


def test_the_best_of_n_replies_stands_beside(small: Path, compare: Callable[[Path], Comparison]) -> None:
    points = [
        {"n": n, "kl_nats": kl, "reward": reward} for n, kl, reward in ((1, 0, 0.5), (2, 0.2, 0.7), (4, 0.6, 0.9))
    ]
    add(small, FACTS | {"best_of_n": points}, ["kl_nats", "reward"])
    for plot in movements(compare(small)):
        assert plot is not None
        assert "Squares: the best of 2, 4 replies by the fit before" in plot.caption


def test_without_gold_the_reward_stands_alone(small: Path, compare: Callable[[Path], Comparison]) -> None:
    add(small, FACTS, ["kl_nats", "reward"])
    for plot in movements(compare(small)):
        assert plot is not None
        assert plot.alt.endswith("+4.00 at 4.2 nats.")
        assert "Dashed" not in plot.caption


@pytest.mark.parametrize(
    ("facts", "columns"),
    [(FACTS, ["reward"]), (SFT, ["kl_nats", "reward"]), (FACTS, ["kl_nats"])],
)
def test_there_is_none_of_other_stages(
    small: Path, compare: Callable[[Path], Comparison], facts: dict[str, object], columns: list[str]
) -> None:
    add(small, facts, columns)
    assert movements(compare(small)) == []


def test_many_steps_are_averaged_in_the_order_in_which_they_were_done() -> None:
    steps = pd.DataFrame({"step": range(30), "kl_nats": np.arange(30.0), "reward": np.arange(30.0) % 3})
    averaged = _averaged(steps)
    assert len(averaged) == 12
    assert averaged["kl_nats"].is_monotonic_increasing
    assert averaged["kl_nats"].iloc[0] == pytest.approx(np.mean([0, 1, 2]))
    few = _averaged(steps[:5])
    assert few["kl_nats"].tolist() == steps["kl_nats"][:5].tolist()
