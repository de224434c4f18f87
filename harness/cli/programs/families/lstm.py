"""Long short-term memory (Hochreiter and Schmidhuber 1997; Gers et al. 2000): each layer keeps a memory cell, and gates
decide what is written to it, what it forgets, and what is read."""

from __future__ import annotations

from typing import Any

import numpy as np


class Model:
    """In each layer: gates i, f, o = sigmoid(...), candidate g = tanh(...), cell c' = f c + i g, state h' = o tanh(c').

    What is inside each is W x + b + U h + c; x is the token's embedding, or the state of the layer below.
    """

    def __init__(self, weights: dict[str, np.ndarray], settings: dict[str, Any]) -> None:
        self.weights = weights
        nothing = np.zeros(settings["d_model"], np.float32)
        self.state = [(nothing, nothing)] * settings["num_layers"]
        # without an output matrix the embedding serves as both; then the layers see it scaled
        self.output = weights.get("output", weights["embedding"])
        self.scale = np.float32(1 if "output" in weights else settings["d_model"] ** 0.5)

    def read(self, token: int) -> np.ndarray:
        """Read a token; the logits of the next one: (V,)."""
        x = self.weights["embedding"][token] * self.scale
        for layer, (h, cell) in enumerate(self.state):
            w_x, w_h, b_x, b_h = (
                self.weights[f"layers.{layer}.{name}_l0"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            )
            i, f, g, o = np.split(w_x @ x + b_x + w_h @ h + b_h, 4)
            cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
            x = sigmoid(o) * np.tanh(cell)
            self.state[layer] = (x, cell)
        return self.output @ x + self.weights["output_bias"]


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), without overflow."""
    return 0.5 + 0.5 * np.tanh(0.5 * x)
