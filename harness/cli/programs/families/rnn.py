"""The simple recurrent network of Elman (1990): each layer keeps a hidden state, which every token changes."""

from __future__ import annotations

from typing import Any

import numpy as np


class Model:
    """In each layer h' = tanh(W x + b + U h + c); x is the token's embedding, or the state of the layer below."""

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
            x = self.hidden[layer] = np.tanh(w_x @ x + b_x + w_h @ h + b_h)
        return self.output @ x + self.weights["output_bias"]
