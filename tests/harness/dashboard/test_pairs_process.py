from __future__ import annotations

from pathlib import Path

from harness.dashboard.pairs_process import keep_pairs
from harness.dashboard.scope import Numbers
from harness.runs.index import Index


def test_a_damaged_run_does_not_stop_it(own_results: Path) -> None:
    (own_results / "pair" / "gru-greedy-s0" / "samples.parquet").write_bytes(b"no table")
    keep_pairs(own_results, "key", ["pair"])
    index = Index(own_results)
    rows = Numbers(index).kept.get("pairs", "key")
    assert {"model_a", "model_b", "p_corrected"} <= set(rows["columns"])
    assert rows["rows"]
