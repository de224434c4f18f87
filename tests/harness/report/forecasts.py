"""Forecasts in samples, for the tests of what is made of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

NUM = 200


def add(experiment: Path, name: str = "rain") -> None:
    """Forecasts of rain to every run's samples: right ones under the n-gram, under the other always 90 %."""
    draws = np.random.default_rng(0)
    true = draws.random(NUM)
    came = true > draws.random(NUM)
    for file in experiment.glob("*/samples.parquet"):
        rows = pd.read_parquet(file)
        given = true if file.parent.name.startswith("ngram") else np.full(NUM, 0.9)
        more = pd.concat([rows[rows["eval"] == "turn_taking"].head(1)] * NUM, ignore_index=True).assign(
            sample_id=[f"rain-{place}" for place in range(NUM)],
            answer="",
            values=[json.dumps({name: bool(y), f"{name}_probability": p}) for y, p in zip(came, given, strict=True)],
        )
        pd.concat([rows, more], ignore_index=True).to_parquet(file, index=False)
