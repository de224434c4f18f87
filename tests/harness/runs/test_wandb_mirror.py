"""wandb's own files contain the mirrored run."""

from __future__ import annotations

import json
from pathlib import Path

from tests.commands import bakeoff
from tests.harness.small_run import MIRRORED, only_run


def test_the_mirror_holds_the_run_offline(tmp_path: Path) -> None:
    bakeoff(tmp_path, "run", *MIRRORED, "model=bigram")
    record = json.loads((only_run(tmp_path) / "run.json").read_text())
    assert record["wandb"]["mode"] == "offline"
    assert "warning" not in record["wandb"]
    assert list((tmp_path / "results" / "wandb").glob(f"offline-run-*-{record['wandb']['run_id']}/*.wandb"))
