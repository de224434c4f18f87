"""A minimal long short-term memory (Feng et al. 2024): its gates look at the input alone, and sum to one."""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.cli.programs.residual import Blocks, ShortConvolution, part, sigmoid, softplus


class Mixer:
    """f, i = sigmoid(W x), h' = f / (f + i) h + i / (f + i) g(W_h x), after a short convolution."""

    def __init__(self, weights: dict[str, np.ndarray], settings: dict[str, Any]) -> None:
        self.weights = weights
        self.convolution = ShortConvolution(part(weights, "convolution."))
        self.hidden = np.zeros_like(weights["gate_bias"])

    def __call__(self, x: np.ndarray) -> np.ndarray:
        forget, take, candidate = np.split(self.weights["gates_and_candidate.weight"] @ self.convolution(x), 3)
        bias = self.weights["gate_bias"]
        kept = sigmoid(softplus(bias - take) - softplus(-forget - bias))  # f / (f + i)
        positive = np.where(candidate >= 0, candidate + 0.5, sigmoid(candidate))  # g
        self.hidden = kept * self.hidden + (1 - kept) * positive
        return self.weights["out.weight"] @ self.hidden


class Model:
    """Blocks whose mixer is such a layer."""

    def __init__(self, weights: dict[str, np.ndarray], settings: dict[str, Any]) -> None:
        self.blocks = Blocks(weights, settings, Mixer)

    def read(self, token: int) -> np.ndarray:
        """Read a token; the logits of the next one: (V,)."""
        return self.blocks.read(token)
