"""A transformer (Vaswani et al. 2017): in each layer, every token asks all tokens before it, and takes a mean of what
they answer, weighted by how well their keys match its query."""

from __future__ import annotations

from typing import Any

import numpy as np


class Model:
    """x + attention(norm(x)), then x + mlp(norm(x)), layer by layer; then a last norm and the output.

    Keys and values of the tokens in the window are kept. When the window is full, it begins anew with the last of them.
    """

    def __init__(self, weights: dict[str, np.ndarray], settings: dict[str, Any]) -> None:
        self.weights, self.settings = weights, settings
        self.num_heads, self.num_kv_heads = settings["num_heads"], settings["num_kv_heads"]
        self.head_width = settings["d_model"] // self.num_heads
        self.output = weights.get("output", weights["embedding"])  # without one, the embedding serves as both
        self.empty()

    def empty(self) -> None:
        """Begin a window."""
        self.window: list[int] = []
        self.keys: list[list[np.ndarray]] = [[] for _ in range(self.settings["num_layers"])]
        self.values: list[list[np.ndarray]] = [[] for _ in range(self.settings["num_layers"])]

    def read(self, token: int) -> np.ndarray:
        """Read a token; the logits of the next one: (V,)."""
        length = self.settings["context_length"]
        if len(self.window) == length:
            again = self.window[self.settings["stride"] or max(1, length // 2) :]
            self.empty()
            for earlier in again:
                self.run(earlier)
        return self.output @ self.norm(self.run(token), "norm")

    def run(self, token: int) -> np.ndarray:
        """Read a token into the window; what the layers make of it: (D,)."""
        x = self.weights["embedding"][token]
        if self.settings["positions"] == "learned":
            x = x + self.weights["positions"][len(self.window)]
        for layer in range(self.settings["num_layers"]):
            block = f"blocks.{layer}"
            x = x + self.attend(self.norm(x, f"{block}.attention_norm"), layer)
            hidden = self.activate(self.linear(self.norm(x, f"{block}.mlp_norm"), f"{block}.mlp_in"))
            x = x + self.linear(hidden, f"{block}.mlp_out")
        self.window.append(token)
        return x

    def attend(self, x: np.ndarray, layer: int) -> np.ndarray:
        settings, block, width = self.settings, f"blocks.{layer}", self.head_width
        joined = self.linear(x, f"{block}.queries_keys_values").reshape(-1, width)
        q, k, v = np.split(joined, [self.num_heads, self.num_heads + self.num_kv_heads])
        if settings["query_key_norm"]:
            q, k = self.rms(q, f"{block}.query_norm"), self.rms(k, f"{block}.key_norm")
        if settings["positions"] == "rotary":
            q, k = self.rotate(q), self.rotate(k)
        self.keys[layer].append(k)
        self.values[layer].append(v)
        shared = self.num_heads // self.num_kv_heads  # query heads for each head of keys and values
        keys = np.repeat(np.stack(self.keys[layer], 1), shared, 0)  # (H, S, E)
        values = np.repeat(np.stack(self.values[layer], 1), shared, 0)
        scores = (keys @ q[..., None])[..., 0] / np.sqrt(np.float32(width))  # (H, S)
        if settings["positions"] == "alibi":
            scores = scores + self.slopes()[:, None] * np.arange(1 - scores.shape[1], 1, dtype=np.float32)
        odds = np.exp(scores - scores.max(1, keepdims=True))
        odds /= odds.sum(1, keepdims=True)
        return self.linear((odds[:, None] @ values).ravel(), f"{block}.attention_out")

    def rotate(self, x: np.ndarray) -> np.ndarray:
        """Turn each pair of values by an angle that grows with the position (Su et al. 2021)."""
        speeds = self.settings["rotary_base"] ** (-np.arange(0, self.head_width, 2) / self.head_width)
        angles = len(self.window) * speeds
        cos, sin = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
        first, second = np.split(x, 2, axis=-1)
        return np.concatenate([first * cos - second * sin, first * sin + second * cos], axis=-1)

    def slopes(self) -> np.ndarray:
        """How fast each head's scores fall with the distance (Press et al. 2022)."""
        below = 1 << (self.num_heads.bit_length() - 1)
        powers = [-8 * head / below for head in range(1, below + 1)]
        powers += [-4 * head / below for head in range(1, 2 * (self.num_heads - below), 2)]
        return np.exp2(np.array(powers, np.float32))

    def activate(self, hidden: np.ndarray) -> np.ndarray:
        kind = self.settings["feed_forward"]
        if kind == "swiglu":
            gate, gated = np.split(hidden, 2)
            return gate * (0.5 + 0.5 * np.tanh(0.5 * gate)) * gated
        if kind == "gelu":
            return 0.5 * hidden * (1 + np.tanh(np.sqrt(np.float32(2 / np.pi)) * (hidden + 0.044715 * hidden**3)))
        return np.maximum(hidden, 0) ** 2

    def linear(self, x: np.ndarray, name: str) -> np.ndarray:
        product: np.ndarray = self.weights[f"{name}.weight"] @ x
        return product + self.weights[f"{name}.bias"] if f"{name}.bias" in self.weights else product

    def norm(self, x: np.ndarray, name: str) -> np.ndarray:
        if self.settings["norm"] == "layer":
            return self.rms(x - x.mean(), name) + self.weights[f"{name}.bias"]
        return self.rms(x, name)

    def rms(self, x: np.ndarray, name: str) -> np.ndarray:
        """x divided by its root mean square, times a learnt scale."""
        epsilon = np.float32(self.settings["norm_epsilon"])
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + epsilon) * self.weights[f"{name}.weight"]
