"""One fit of the table, in a process of its own: python -m benchmarks.tiny_shakespeare.fit DATA OUT FAMILY SEED SECONDS

Writes to the folder OUT what the fit cost, with its curve (facts.json), and the nats of each character of the
validation text (losses.npy).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch

from benchmarks.tiny_shakespeare.protocol import Settings, Text, fitted, losses
from harness.common.environment import keep_freed_memory
from harness.training.budget import Budget

FACTS_FILE, LOSSES_FILE = "facts.json", "losses.npy"


def main(data: Path, out: Path, family: str, seed: int, seconds: float) -> None:
    keep_freed_memory()
    text = Text.read(data)
    made = fitted(Settings.read(family), text, Budget(seconds=seconds), seed)
    facts = {
        "seconds": made.spent.seconds,
        "tokens": made.spent.tokens,
        "params": made.model.cost().num_params,
        "threads": torch.get_num_threads(),
        "curve": [{name: row[name] for name in ("tokens", "seconds", "train_loss_nats")} for row in made.curve],
    }
    np.save(out / LOSSES_FILE, losses(made.model, text))
    (out / FACTS_FILE).write_text(json.dumps(facts), encoding="utf-8")


if __name__ == "__main__":
    _, data, out, family, seed, seconds = sys.argv
    main(Path(data), Path(out), family, int(seed), float(seconds))
