"""Token frequencies: each token is as likely as it was frequent in training, whatever comes before it."""

from __future__ import annotations

from typing import Any

import numpy as np


class Model:
    """p(w) = (count(w) + pseudo_count) / (N + pseudo_count V)."""

    def __init__(self, weights: dict[str, np.ndarray], settings: dict[str, Any]) -> None:
        mass = weights["counts"] + float(settings["pseudo_count"])
        self.logprobs = np.log(mass / mass.sum()).astype(np.float32)

    def read(self, token: int) -> np.ndarray:
        """Read a token; the log-probabilities of the next one: (V,)."""
        return self.logprobs
