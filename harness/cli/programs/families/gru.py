"""Gated recurrent units (Cho et al. 2014): gates decide how much of a layer's state each token replaces."""

from __future__ import annotations

from typing import Any

import numpy as np


class Model:
    """In each layer: how much of the state to forget (r) and to keep (z), a candidate n, and h' = (1 - z) n + z h.

    r, z = sigmoid(W x + b + U h + c); n = tanh(W_n x + b_n + r (U_n h + c_n)).
    """

    def __init__(self, weights: dict[str, np.ndarray], settings: dict[str, Any]) -> None:
        self.weights = weights
        self.hidden = [np.zeros(settings["d_model"], np.float32) for _ in range(settings["num_layers"])]
        # without an output matrix the embedding serves as both; then the layers see it scaled
        self.output = weights.get("output", weights["embedding"])
        self.scale = np.float32(1 if "output" in weights else settings["d_model"] ** 0.5)

    def read(self, token: int) -> np.ndarray:
        """Read a token; the logits of the next one: (V,)."""
        x = self.weights["embedding"][token] * self.scale
        for layer, h in enumerate(self.hidden):
            w_x, w_h, b_x, b_h = (
                self.weights[f"layers.{layer}.{name}_l0"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            )
            from_x, from_h = np.split(w_x @ x + b_x, 3), np.split(w_h @ h + b_h, 3)
            r, z = sigmoid(from_x[0] + from_h[0]), sigmoid(from_x[1] + from_h[1])
            n = np.tanh(from_x[2] + r * from_h[2])
            x = self.hidden[layer] = (1 - z) * n + z * h
        return self.output @ x + self.weights["output_bias"]


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), without overflow."""
    return 0.5 + 0.5 * np.tanh(0.5 * x)
