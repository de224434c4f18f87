"""Records of runs, changed as a test wants them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from harness.common.results_folder import RUN_FILE, SAMPLES_FILE

_SPENT = {"tokens": 100, "episodes": 40, "ratings": 0, "flops": 1e9, "seconds": 2.0}
SFT: dict[str, Any] = {"stage": "sft", "fit_id": "a", "spent": _SPENT | {"episodes": 0}}
"""What a record says of a stage without rewards."""


def edit_metrics(experiment: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change each metric of every run's record."""
    for run in sorted(path.parent for path in experiment.glob("*/run.json")):
        edit(run, lambda record: [change(metric) for metric in record["metrics"]])


def edit_samples(run: Path, eval_name: str, values: Callable[[int], dict[str, Any]]) -> None:
    """Give an eval's samples other values, by their place."""
    path = run / SAMPLES_FILE
    table = pd.read_parquet(path)
    chosen = table["eval"] == eval_name
    table.loc[chosen, "values"] = [json.dumps(values(place)) for place in range(int(chosen.sum()))]
    table.to_parquet(path, index=False)


def edit(run: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the JSON of a run's record."""
    record = json.loads((run / RUN_FILE).read_text())
    change(record)
    (run / RUN_FILE).write_text(json.dumps(record))


def set_value(run: Path, metric: str, value: float) -> None:
    """Give a run's measure another value."""

    def change(record: dict[str, Any]) -> None:
        for one in record["metrics"]:
            if (one["metric"], one["slice"]) == (metric, "all"):
                one["value"] = value

    edit(run, change)


def rloo(after: float, gold_after: float) -> dict[str, Any]:
    """What a record says of a stage that ended with this reward and gold; before it were 0.5 and 0.2."""
    before = {"reward_before": 0.5, "reward_deviation_before": 0.25, "gold_before": 0.2, "gold_deviation_before": 0.1}
    told = {"kl_nats_after": 1.5, "reply_tokens_after": 30, "cut_replies_after": 0.05}
    preference = {"preference_model": {"accuracy": 0.7, "bayes_accuracy": 0.75}}
    end = {"reward_after": after, "gold_after": gold_after}
    gamed = [f"gold falls (0.2 to {gold_after:g})"] if after > 0.5 and gold_after < 0.2 else []
    return (
        {"stage": "rloo", "fit_id": "b", "spent": _SPENT | {"ratings": 20}, "gamed": gamed}
        | before
        | told
        | preference
        | end
    )
