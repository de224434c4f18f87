"""One step, compiled, against the whole text written out plainly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from models.settings.transformer import TransformerConfig
from models.transformer import Transformer
from models.transformer_parts.step import gather, step
from tests.models.plain_transformer import plain_logprobs

FORMS: list[dict[str, Any]] = [{}, {"preset": "gpt2"}, {"preset": "llama", "num_heads": 4, "num_kv_heads": 2}]
VOCAB_SIZE = 7


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_each_step_of_each_row_is_that_of_its_whole_text(form: dict[str, Any]) -> None:
    config = TransformerConfig(**{"num_layers": 2, "num_heads": 2, "d_model": 8, "context_length": 6} | form)
    model = config.build(VOCAB_SIZE, 6)
    assert isinstance(model, Transformer)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, mean=float(parameter.dim() == 1), std=0.5)
    weights, named = gather(model, config), model.tensors()
    texts = [[6, 1, 4, 1, 5, 2], [6, 3, 3, 0, 0, 0]]
    cache = np.zeros((2, 2, 2, config.num_kv_heads, 6, config.head_width), dtype=np.float32)
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
            expected = plain_logprobs(named, texts[row][: read[row]], config)
            torch.testing.assert_close(ours, expected, atol=1e-5, rtol=0)
    assert read == [5, 3]
