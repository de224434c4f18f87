"""Blocks of a network: each adds to x what a mixer, which remembers earlier tokens, and an MLP make of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

EPSILON = np.float32(2**-23)


class Blocks:
    """x + mix(norm(x)), then x + mlp(norm(x)), block by block; then a last norm and the output."""

    def __init__(
        self, weights: dict[str, np.ndarray], settings: dict[str, Any], make_mixer: Callable[..., Any]
    ) -> None:
        self.weights = weights
        self.blocks = [part(weights, f"blocks.{layer}.") for layer in range(settings["num_layers"])]
        self.mixers = [make_mixer(part(block, "mixer."), settings) for block in self.blocks]
        self.output = weights.get("output", weights["embedding"])  # without one, the embedding serves as both

    def read(self, token: int) -> np.ndarray:
        """Read a token; the logits of the next one: (V,)."""
        x = self.weights["embedding"][token]
        for w, mix in zip(self.blocks, self.mixers, strict=True):
            x = x + mix(rms_norm(x, w["mixer_norm.weight"]))
            if "mlp_in.weight" in w:
                hidden = np.maximum(w["mlp_in.weight"] @ rms_norm(x, w["mlp_norm.weight"]), 0) ** 2
                x = x + w["mlp_out.weight"] @ hidden
        return self.output @ rms_norm(x, self.weights["norm.weight"])


class ShortConvolution:
    """Each channel's weighted sum over its last few tokens."""

    def __init__(self, weights: dict[str, np.ndarray]) -> None:
        self.weight, self.bias = weights["weight"], weights["bias"]
        self.last = np.zeros_like(self.weight)  # (K, D): the newest token is last

    def __call__(self, x: np.ndarray) -> np.ndarray:
        self.last = np.concatenate([self.last[1:], x[None]])
        return self.bias + (self.weight * self.last).sum(0)


def part(weights: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """The arrays whose names begin with `prefix`, under the rest of their names."""
    return {name.removeprefix(prefix): array for name, array in weights.items() if name.startswith(prefix)}


def rms_norm(x: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """x divided by its root mean square, times a learnt scale."""
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + EPSILON) * scale


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), without overflow."""
    return 0.5 + 0.5 * np.tanh(0.5 * x)


def softplus(x: np.ndarray) -> np.ndarray:
    """log(1 + exp(x)), without overflow."""
    return np.logaddexp(x, np.float32(0))
