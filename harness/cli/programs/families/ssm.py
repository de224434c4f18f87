"""A selective state space (Gu and Dao 2023, "Mamba"; Dao and Gu 2024): the input says how long a step takes, what is
written to the states, and what is read from them."""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.cli.programs.residual import Blocks, ShortConvolution, part, rms_norm, sigmoid, softplus


class Mixer:
    """S' = exp(dt A) S + b (dt x)^T, y = c S' + D x, for each of H heads; S is (N states, P channels)."""

    def __init__(self, weights: dict[str, np.ndarray], settings: dict[str, Any]) -> None:
        self.weights = weights
        self.convolution = ShortConvolution(part(weights, "convolution."))
        self.num_heads, num_states = settings["num_heads"], settings["state_size"]
        width = len(weights["norm.weight"])
        self.states = np.zeros((self.num_heads, num_states, width // self.num_heads), np.float32)
        self.ends = width, 2 * width + 2 * num_states
        self.inner_ends = width, width + num_states

    def __call__(self, x: np.ndarray) -> np.ndarray:
        w = self.weights
        gate, mixed, step = np.split(w["projections.weight"] @ x, self.ends)
        mixed = self.convolution(mixed)
        channels, b, c = np.split(mixed * sigmoid(mixed), self.inner_ends)
        channels = channels.reshape(self.num_heads, -1)
        step = softplus(step + w["step_bias"])[:, None]  # dt of each head
        decay = np.exp(-step * np.exp(w["log_rate"])[:, None])
        self.states = decay[..., None] * self.states + b[:, None] * (step * channels)[:, None]
        y = c @ self.states + w["skip"][:, None] * channels
        return w["out.weight"] @ rms_norm(y.ravel() * gate * sigmoid(gate), w["norm.weight"])


class Model:
    """Blocks whose mixer is such a layer."""

    def __init__(self, weights: dict[str, np.ndarray], settings: dict[str, Any]) -> None:
        self.blocks = Blocks(weights, settings, Mixer)

    def read(self, token: int) -> np.ndarray:
        """Read a token; the logits of the next one: (V,)."""
        return self.blocks.read(token)
