"""Gated linear attention (Katharopoulos et al. 2020; Yang et al. 2024): each head keeps a matrix, to which every token
adds its key times its value, and from which its query reads."""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.cli.programs.residual import Blocks, rms_norm, sigmoid, softplus


class Mixer:
    """S' = diag(a) S + k v^T, o = q S', for each of H heads; S is (K, P), and the gate a comes from the input."""

    def __init__(self, weights: dict[str, np.ndarray], settings: dict[str, Any]) -> None:
        self.weights = weights
        d_model, num_keys = settings["d_model"], len(weights["gate_bias"])  # of all heads
        self.num_heads = settings["num_heads"]
        shape = self.num_heads, num_keys // self.num_heads, d_model // self.num_heads
        self.state = np.zeros(shape, np.float32)
        self.ends = np.cumsum([num_keys, num_keys, d_model, d_model])

    def __call__(self, x: np.ndarray) -> np.ndarray:
        w = self.weights
        queries, keys, values, output_gate, gated_by = np.split(w["projections.weight"] @ x, self.ends)
        # the sigmoid to the power 1/16, and never below exp(-5)
        log_gate = np.maximum(-softplus(-(w["gate.weight"] @ gated_by + w["gate_bias"])) / 16, -5)
        gate, q, k, v = (array.reshape(self.num_heads, -1) for array in (np.exp(log_gate), queries, keys, values))
        self.state = gate[..., None] * self.state + k[..., None] * v[:, None]
        read = (q[:, None] @ self.state)[:, 0] / np.sqrt(np.float32(q.shape[1]))
        y = rms_norm(read, w["norm.weight"]).ravel()
        return w["out.weight"] @ (y * output_gate * sigmoid(output_gate))


class Model:
    """Blocks whose mixer is such a layer."""

    def __init__(self, weights: dict[str, np.ndarray], settings: dict[str, Any]) -> None:
        self.blocks = Blocks(weights, settings, Mixer)

    def read(self, token: int) -> np.ndarray:
        """Read a token; the logits of the next one: (V,)."""
        return self.blocks.read(token)
