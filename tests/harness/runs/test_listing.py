"""The short list of runs: newest first, with differences and results."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.common.errors import UserError
from harness.runs import RunRecord
from harness.runs.listing import listed


def test_runs_are_listed_by_time_with_what_differs_and_what_they_found(record: RunRecord, tmp_path: Path) -> None:
    [bits] = [metric for metric in record.metrics if (metric.metric, metric.slice) == ("bits_per_byte", "all")]
    for name, order, day in (("old", 3, "01"), ("new", 5, "02")):
        (tmp_path / "first" / name).mkdir(parents=True)
        changed = replace(
            record,
            run_id=name,
            model={**record.model, "order": order},
            metrics=[replace(bits, value=order / 2)],
            finished_at=f"2025-11-{day}T00:00:00+00:00",
        )
        changed.write(tmp_path / "first" / name)
    runs = listed(tmp_path)
    assert [(run.folder.name, run.differs, run.headline) for run in runs] == [
        ("new", ("order=5",), "2.500 bits/byte"),
        ("old", ("order=3",), "1.500 bits/byte"),
    ]
    assert listed(tmp_path / "first") == runs
    assert runs[0].changed_at - runs[1].changed_at == 86400


def test_runs_are_chosen_by_what_they_are(record: RunRecord, tmp_path: Path) -> None:
    for name, order, seed in (("a", 3, 0), ("b", 3, 1), ("c", 5, 0)):
        (tmp_path / "first" / name).mkdir(parents=True)
        changed = replace(
            record, run_id=name, seed=seed, model={**record.model, "order": order, "threshold": 0.001, "tied": True}
        )
        changed.write(tmp_path / "first" / name)

    def names(*filters: str) -> str:
        return "".join(sorted(run.folder.name for run in listed(tmp_path, filters)))

    assert names("model.order=3") == "ab"
    assert names("model.order=3.0,5", "seed=0") == "ac"
    assert names("model.threshold=1e-3", "model.tied=True", "experiment=nothing") == ""
    assert names("status=complete", f"family={record.family}") == "abc"
    with pytest.raises(UserError, match=r"no run has 'model.ordr'.*Did you mean 'model.order'\?"):
        names("model.ordr=3")


def test_post_trained_runs_are_chosen_by_what_their_stages_learnt_from(record: RunRecord, tmp_path: Path) -> None:
    simulated = {"ratings": {"_target_": "harness.ratings.simulated.Simulated", "num_pairs": 60}}
    of_run: dict[str, dict[str, Any]] = {
        "a": {"name": "none"},
        "b": {"name": "rloo", "rloo": {"rewards": {"hands_back_in_time": {}}}},
        "c": {"name": "rloo", "rloo": {"rewards": {"preference_model": simulated, "hands_back_in_time": {}}}},
    }
    for name, post in of_run.items():
        (tmp_path / "first" / name).mkdir(parents=True)
        replace(record, run_id=name, post=post).write(tmp_path / "first" / name)

    def names(*filters: str) -> str:
        return "".join(sorted(run.folder.name for run in listed(tmp_path, filters)))

    assert names("rewards=hands_back_in_time") == "b"
    assert names("rewards=hands_back_in_time+preference_model") == "c"
    assert names("rewards=") == "a"
    assert names("ratings=simulated") == "c"


def test_unfinished_and_damaged_runs_are_listed_as_such(record: RunRecord, tmp_path: Path) -> None:
    for name, file, content in (("begun", "config.yaml", ""), ("damaged", "run.json", "[1, 2]")):
        (tmp_path / "first" / name).mkdir(parents=True)
        path = tmp_path / "first" / name / file
        path.write_text(content)
        os.utime(path, (1e9 if name == "begun" else 2e9,) * 2)
    (tmp_path / "first" / "done").mkdir()
    replace(record, status="partial", finished_at="2025-11-22", metrics=[]).write(tmp_path / "first" / "done")
    assert [(run.folder.name, run.status, run.headline) for run in listed(tmp_path)] == [
        ("damaged", "unreadable", ""),
        ("done", "partial", ""),
        ("begun", "unfinished", ""),
    ]
    with pytest.raises(UserError, match="there is no folder"):
        listed(tmp_path / "nowhere")
