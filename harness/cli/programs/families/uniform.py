"""The language model that knows nothing: every token is equally likely."""

from __future__ import annotations

from typing import Any

import numpy as np


class Model:
    """p(w) = 1 / V."""

    def __init__(self, weights: dict[str, np.ndarray], settings: dict[str, Any]) -> None:
        self.logits = np.zeros(settings["vocab_size"], np.float32)

    def read(self, token: int) -> np.ndarray:
        """Read a token; the logits of the next one: (V,)."""
        return self.logits
