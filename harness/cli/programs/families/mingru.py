"""A minimal gated recurrent unit (Feng et al. 2024): its gate looks at the input alone, not at the state before."""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.cli.programs.residual import Blocks, ShortConvolution, part, sigmoid


class Mixer:
    """z = sigmoid(W_z x), h' = (1 - z) h + z g(W_h x), after a short convolution."""

    def __init__(self, weights: dict[str, np.ndarray], settings: dict[str, Any]) -> None:
        self.weights = weights
        self.convolution = ShortConvolution(part(weights, "convolution."))
        self.hidden = np.zeros_like(weights["gate_bias"])

    def __call__(self, x: np.ndarray) -> np.ndarray:
        gate, candidate = np.split(self.weights["gates_and_candidate.weight"] @ self.convolution(x), 2)
        kept = sigmoid(gate + self.weights["gate_bias"])  # 1 - z
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
