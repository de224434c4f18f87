"""The neural probabilistic language model (Bengio et al. 2003): a multi-layer perceptron over the last few tokens."""

from __future__ import annotations

from typing import Any

import numpy as np


class Model:
    """x = the embeddings of the last n tokens, side by side; logits = b + U tanh(d + H x) (+ W x)."""

    def __init__(self, weights: dict[str, np.ndarray], settings: dict[str, Any]) -> None:
        self.weights = weights
        self.last = [0] * settings["context_length"]  # tokens counted from 1, and 0 before the first

    def read(self, token: int) -> np.ndarray:
        """Read a token; the logits of the next one: (V,)."""
        w = self.weights
        self.last = [*self.last[1:], token + 1]
        x = w["embedding"][self.last].ravel()
        logits: np.ndarray = w["output_bias"] + w["output"] @ np.tanh(w["hidden_bias"] + w["hidden"] @ x)
        return logits + w["direct"] @ x if "direct" in w else logits
