"""The transformer written out plainly, to compare with."""

from __future__ import annotations

import cmath
import math

import torch
from torch import Tensor

from models.settings.transformer import TransformerConfig


def rotated(head: Tensor, position: int) -> Tensor:
    """Su et al. (2021), as they write it: pairs of values as complex numbers, turned by position / 10000^(2i / E)."""
    half = len(head) // 2
    turned = [
        complex(float(head[i]), float(head[i + half])) * cmath.exp(1j * position * 10_000 ** (-2 * i / len(head)))
        for i in range(half)
    ]
    return torch.tensor([value.real for value in turned] + [value.imag for value in turned])


def plain_logprobs(weights: dict[str, Tensor], tokens: list[int], config: TransformerConfig) -> Tensor:
    """The last token's distribution (V,), with a full attention matrix, head by head, and no cache."""

    def norm(x: Tensor, gain: Tensor) -> Tensor:
        return x / torch.sqrt((x * x).mean(-1, keepdim=True) + torch.finfo(torch.float32).eps) * gain

    x = weights["embedding"][tokens]
    num_tokens, width = x.shape
    head_width = width // config.num_heads
    for layer in range(config.num_layers):
        of_block = {
            name.split(".", 2)[2]: value for name, value in weights.items() if name.startswith(f"blocks.{layer}.")
        }
        queries, keys, values = (
            norm(x, of_block["attention_norm.weight"]) @ of_block["queries_keys_values.weight"].t()
        ).split(width, 1)
        heads = []
        for begin in range(0, width, head_width):
            part = slice(begin, begin + head_width)
            turned_queries = torch.stack([rotated(queries[t, part], t) for t in range(num_tokens)])
            turned_keys = torch.stack([rotated(keys[t, part], t) for t in range(num_tokens)])
            scores = turned_queries @ turned_keys.t() / math.sqrt(head_width)
            scores = scores.masked_fill(torch.ones(num_tokens, num_tokens).triu(1).bool(), -math.inf)
            heads.append(torch.softmax(scores, -1) @ values[:, part])
        x = x + torch.cat(heads, 1) @ of_block["attention_out.weight"].t()
        hidden = norm(x, of_block["mlp_norm.weight"]) @ of_block["mlp_in.weight"].t()
        x = x + torch.clamp(hidden, min=0) ** 2 @ of_block["mlp_out.weight"].t()
    logits = norm(x, weights["norm.weight"])[-1] @ weights["embedding" if config.tie_embeddings else "output"].t()
    return torch.log_softmax(logits, -1)
