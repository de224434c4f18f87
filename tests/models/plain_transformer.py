"""The transformer written out plainly, to compare with."""

from __future__ import annotations

import cmath
import math

import torch
from torch import Tensor

from models.settings.transformer import TransformerConfig


def rotated(head: Tensor, position: int, base: float) -> Tensor:
    """Su et al. (2021), as they write it: pairs of values as complex numbers, turned by position / base^(2i / E)."""
    half = len(head) // 2
    turned = [
        complex(float(head[i]), float(head[i + half])) * cmath.exp(1j * position * base ** (-2 * i / len(head)))
        for i in range(half)
    ]
    return torch.tensor([value.real for value in turned] + [value.imag for value in turned])


def plain_logprobs(weights: dict[str, Tensor], tokens: list[int], config: TransformerConfig) -> Tensor:
    """The last token's distribution (V,), with a full attention matrix, head by head, and no cache."""
    epsilon = config.norm_epsilon

    def norm(x: Tensor, name: str, kind: str = str(config.norm)) -> Tensor:
        if kind == "layer":
            x = x - x.mean(-1, keepdim=True)
        scaled = x / torch.sqrt((x * x).mean(-1, keepdim=True) + epsilon) * weights[f"{name}.weight"]
        return scaled + weights.get(f"{name}.bias", 0)

    def linear(x: Tensor, name: str) -> Tensor:
        return x @ weights[f"{name}.weight"].t() + weights.get(f"{name}.bias", 0)

    x = weights["embedding"][tokens]
    num_tokens, width = x.shape
    if config.positions == "learned":
        x = x + weights["positions"][:num_tokens]
    head_width, num_heads, num_kv_heads = width // config.num_heads, config.num_heads, config.num_kv_heads
    for layer in range(config.num_layers):
        block = f"blocks.{layer}"
        projected = linear(norm(x, f"{block}.attention_norm"), f"{block}.queries_keys_values")
        queries = projected[:, :width].view(num_tokens, num_heads, head_width)
        keys, values = projected[:, width:].view(num_tokens, 2, num_kv_heads, head_width).unbind(1)
        heads = []
        for head in range(num_heads):
            shared = head // (num_heads // num_kv_heads)
            query, key = queries[:, head], keys[:, shared]
            if config.query_key_norm:
                query, key = norm(query, f"{block}.query_norm", "rms"), norm(key, f"{block}.key_norm", "rms")
            if config.positions == "rotary":
                query = torch.stack([rotated(query[t], t, config.rotary_base) for t in range(num_tokens)])
                key = torch.stack([rotated(key[t], t, config.rotary_base) for t in range(num_tokens)])
            scores = query @ key.t() / math.sqrt(head_width)
            if config.positions == "alibi":  # Press et al. (2022), for a power of two heads
                place = torch.arange(num_tokens)
                scores = scores - 2 ** (-8 * (head + 1) / num_heads) * (place[:, None] - place)
            scores = scores.masked_fill(torch.ones(num_tokens, num_tokens).triu(1).bool(), -math.inf)
            heads.append(torch.softmax(scores, -1) @ values[:, shared])
        x = x + linear(torch.cat(heads, 1), f"{block}.attention_out")
        hidden = linear(norm(x, f"{block}.mlp_norm"), f"{block}.mlp_in")
        if config.feed_forward == "relu2":
            hidden = torch.clamp(hidden, min=0) ** 2
        elif config.feed_forward == "gelu":
            hidden = 0.5 * hidden * (1 + torch.tanh(math.sqrt(2 / math.pi) * (hidden + 0.044715 * hidden**3)))
        else:
            gate, gated = hidden.chunk(2, -1)
            hidden = gate / (1 + torch.exp(-gate)) * gated
        x = x + linear(hidden, f"{block}.mlp_out")
    logits = norm(x, "norm")[-1] @ weights["embedding" if config.tie_embeddings else "output"].t()
    return torch.log_softmax(logits, -1)
