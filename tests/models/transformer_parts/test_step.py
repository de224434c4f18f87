"""One step, compiled, against the whole text written out plainly."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from models.settings.transformer import TransformerConfig
from models.transformer_parts.step import StepWeights, step
from tests.models.plain_transformer import plain_logprobs

CONFIG = TransformerConfig(num_layers=2, num_heads=2, d_model=8, context_length=6, mlp_ratio=1.5)
VOCAB_SIZE, HEAD_WIDTH = 7, 4


def random_weights() -> tuple[StepWeights, dict[str, Any]]:
    """The same weights as a step takes them, and by the names that they have in a transformer."""
    random = np.random.default_rng(0)

    def values(*shape: int) -> np.ndarray:
        return random.normal(scale=0.5, size=shape).astype(np.float32)

    angles = np.arange(6)[:, None] * 10_000.0 ** (-np.arange(0, HEAD_WIDTH, 2) / HEAD_WIDTH)
    weights = StepWeights(
        embedding=values(VOCAB_SIZE, 8),
        attention_norm=1 + values(2, 8),
        queries_keys_values=values(2, 24, 8),
        attention_out=values(2, 8, 8),
        mlp_norm=1 + values(2, 8),
        mlp_in=values(2, 12, 8),
        mlp_out=values(2, 8, 12),
        norm=1 + values(8),
        cos=np.cos(angles).astype(np.float32),
        sin=np.sin(angles).astype(np.float32),
    )
    of_layers = ("attention_norm", "queries_keys_values", "attention_out", "mlp_norm", "mlp_in", "mlp_out")
    named = {
        f"blocks.{layer}.{name}.weight": getattr(weights, name)[layer] for name in of_layers for layer in range(2)
    } | {"embedding": weights.embedding, "norm.weight": weights.norm}
    return weights, {name: torch.from_numpy(value) for name, value in named.items()}


def test_each_step_of_each_row_is_that_of_its_whole_text() -> None:
    weights, named = random_weights()
    texts = [[6, 1, 4, 1, 5, 2], [6, 3, 3, 0, 0, 0]]
    cache = np.zeros((2, 2, 2, 2, 6, HEAD_WIDTH), dtype=np.float32)
    read = [0, 0]
    # both rows at first; then the first one alone, on a part of the cache; then both, at places of their own
    for rows in ([0, 1], [0, 1], [0], [0], [0, 1]):
        tokens = np.array([texts[row][read[row]] for row in rows])
        part = np.ascontiguousarray(cache[:, :, rows])
        hidden = step(weights, tokens, np.array([read[row] for row in rows]), part)
        cache[:, :, rows] = part
        for row, values in zip(rows, hidden, strict=True):
            read[row] += 1
            ours = torch.log_softmax(torch.from_numpy(values) @ named["embedding"].t(), -1)
            expected = plain_logprobs(named, texts[row][: read[row]], CONFIG)
            torch.testing.assert_close(ours, expected, atol=1e-5, rtol=0)
    assert read == [5, 3]
