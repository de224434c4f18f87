"""Gated linear attention (Katharopoulos et al. 2020; Yang et al. 2024, "GLA").

Each head keeps a matrix S, to which every token adds its key times its value, and from which its query reads. A gate,
computed from the token, lets each row of S fade at its own rate:

    S' = diag(a) S + k v^T        o = q S'

What is read is normalised by head, gated and written back by a matrix. In chunks of C tokens it is a few matrix
products: with A_i the product of the gates up to token i of the chunk, o = tril((Q A) (K / A)^T) V + (Q A) S. Gates are
sigmoid(W x)^(1/16), so that they fade slowly, and never below exp(-5) a token, so that 1 / A of a chunk stays finite.

Shape legend: B rows, T tokens, D d_model, H heads, K key_width, P = D / H width of a head's values, C chunk length.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.carried import Carry
from models.residual import Mixer, ResidualModel, chunked_scan_flops, linear, writing_linear
from models.settings.linear_attention import LinearAttentionConfig

_CHUNK = 16
_GATE_POWER = 1 / 16
_LEAST_LOG_GATE = -5.0
_GATE_RANK = 16


class LinearAttention(ResidualModel):
    """Blocks of gated linear attention and an MLP."""

    config: LinearAttentionConfig

    def make_mixer(self) -> Mixer:
        return LinearAttentionMixer(self.config)


class LinearAttentionMixer(Mixer):
    """Carries each head's matrix: (B, H, K, P)."""

    def __init__(self, config: LinearAttentionConfig) -> None:
        super().__init__()
        d_model = config.d_model
        self.num_heads, self.key_width, self.value_width = (
            config.num_heads,
            config.key_width,
            d_model // config.num_heads,
        )
        keys = self.num_heads * self.key_width
        self.sizes = (keys, keys, d_model, d_model, min(_GATE_RANK, d_model))
        self.projections = linear(d_model, sum(self.sizes))  # queries, keys, values, output gate, and what gates see
        self.gate = linear(self.sizes[-1], keys)
        self.gate_bias = nn.Parameter(torch.zeros(keys))
        self.norm = nn.RMSNorm(self.value_width)
        self.out = writing_linear(d_model, d_model)

    chunk_length = _CHUNK

    def scan_flops(self, num_tokens: int, training: bool) -> int:
        """In chunks: Q K^T and its products with V; what is read of S, and what is written to it."""
        keys, values = self.num_heads * self.key_width, self.num_heads * self.value_width
        return chunked_scan_flops(num_tokens, _CHUNK, keys + values, keys * self.value_width, training)

    def blank_carry(self, num_rows: int) -> Carry:
        return (self.gate_bias.new_zeros(num_rows, self.num_heads, self.key_width, self.value_width),)

    def forward(self, x: Tensor, carry: Carry) -> tuple[Tensor, Carry]:
        num_tokens, num_rows, _ = x.shape
        queries, keys, values, output_gate, gated_by = self.projections(x).split(self.sizes, dim=-1)
        log_gate = _GATE_POWER * F.logsigmoid(self.gate(gated_by) + self.gate_bias)

        def heads(part: Tensor) -> Tensor:
            return part.view(num_tokens, num_rows, self.num_heads, -1).permute(1, 2, 0, 3)

        read, state = gated_scan(
            self.key_width**-0.5 * heads(queries),
            heads(keys),
            heads(values),
            heads(log_gate.clamp(min=_LEAST_LOG_GATE)),
            carry[0],
        )
        y = self.norm(read.float()).permute(2, 0, 1, 3).reshape(num_tokens, num_rows, -1)
        return self.out(y * F.silu(output_gate)), (state,)


def gated_scan(queries: Tensor, keys: Tensor, values: Tensor, log_gate: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """S_t = diag(exp(log_gate_t)) S_{t-1} + k_t v_t^T, o_t = q_t S_t, chunk by chunk.

    queries, keys, log_gate: (B, H, T, K), log_gate from -5 to 0; values: (B, H, T, P); state: (B, H, K, P). Returns o
    (B, H, T, P), and the state after the last token.
    """
    read = []
    for q, k, v, log_decay in zip(
        *(torch.split(part, _CHUNK, dim=2) for part in (queries, keys, values, log_gate)), strict=True
    ):
        since_start = log_decay.cumsum(2)
        q_since = q * since_start.exp()
        scores = (q_since @ (k * (-since_start).exp()).transpose(2, 3)).tril()
        read.append(scores @ v + q_since @ state)
        whole = since_start[:, :, -1:]
        state = whole.exp().transpose(2, 3) * state + (k * (whole - since_start).exp()).transpose(2, 3) @ v
    return torch.cat(read, dim=2), state
