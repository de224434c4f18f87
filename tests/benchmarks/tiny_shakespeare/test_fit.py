"""One fit of the table, in a process of its own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from benchmarks.published.shakespeare import FILE
from benchmarks.tiny_shakespeare import fit


def test_it_writes_what_it_cost_and_every_loss(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("to be or not to be " * 500, encoding="utf-8")
    fit.main(tmp_path, tmp_path, "mlp", 0, 0.2)
    facts = json.loads((tmp_path / fit.FACTS_FILE).read_text())
    assert facts["seconds"] >= 0.2  # to the end of a step
    assert facts["curve"][-1]["tokens"] == facts["tokens"] > 0
    nats = np.load(tmp_path / fit.LOSSES_FILE, allow_pickle=False)
    assert nats.shape == (950,)
    assert 0 < nats.mean() < np.log(9)
