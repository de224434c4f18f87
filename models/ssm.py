"""A selective state space (Gu and Dao 2023, "Mamba"), in the form whose scan is matrix products (Dao and Gu 2024).

Each head keeps a matrix of N states for each of its P channels. The input says how long a step dt is, what is written
(b) and what is read (c); a head's states all decay at one rate A < 0, so the transition is a multiple of the identity:

    S' = exp(dt A) S + b (dt x)^T        y = c S' + D x

Channels x come through a short causal convolution and SiLU, and leave through a gate, a norm and a matrix. There is no
MLP by default. With one rate a head a stretch needs no scan over time: within a chunk, y = (M * c b^T) (dt x), where
M_ij is the decay from token j to token i, and one matrix per head goes from chunk to chunk. Rates per state, as in the
first Mamba, take ten times the time on a processor (T x E x N values are written for each operation).

Steps start between 0.001 and 0.1, log-uniform, and rates between 1 and 16, as in the authors' code.

Shape legend: B rows, T tokens, D d_model, H heads, P channels of a head, E = H P, N state_size, C chunk length.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.carried import Carry
from models.residual import Mixer, ResidualModel, ShortConvolution, chunked_scan_flops, linear, writing_linear
from models.settings.ssm import SSMConfig

_CHUNK = 64
_SHORTEST_STEP, _LONGEST_STEP = 1e-3, 0.1


class SSM(ResidualModel):
    """Blocks of a selective state space."""

    config: SSMConfig

    def make_mixer(self) -> Mixer:
        return StateSpaceMixer(self.config)


class StateSpaceMixer(Mixer):
    """Carries the tokens that the convolution still needs, (B, 3, E + 2N), and the states, (B, H, N, P)."""

    def __init__(self, config: SSMConfig) -> None:
        super().__init__()
        self.width = config.expansion * config.d_model
        self.num_heads, self.state_size = config.num_heads, config.state_size
        # gate (E), then what the convolution takes: x (E), b (N), c (N), then dt (H)
        self.sizes = [self.width, self.width + 2 * self.state_size, self.num_heads]
        self.projections = linear(config.d_model, sum(self.sizes))
        self.convolution = ShortConvolution(self.sizes[1])
        step = torch.empty(self.num_heads).uniform_(math.log(_SHORTEST_STEP), math.log(_LONGEST_STEP)).exp()
        self.step_bias = nn.Parameter(step + torch.log(-torch.expm1(-step)))  # the inverse of softplus
        self.log_rate = nn.Parameter(torch.empty(self.num_heads).uniform_(1, 16).log())
        self.skip = nn.Parameter(torch.ones(self.num_heads))
        self.norm = nn.RMSNorm(self.width)
        self.out = writing_linear(self.width, config.d_model)

    chunk_length = _CHUNK

    def scan_flops(self, num_tokens: int, training: bool) -> int:
        """In chunks: c b^T, then its products with x; what is read of the state, and what is written to it."""
        per_pair, per_token = self.state_size + self.width, self.state_size * self.width
        return chunked_scan_flops(num_tokens, _CHUNK, per_pair, per_token, training)

    def blank_carry(self, num_rows: int) -> Carry:
        shape = num_rows, self.num_heads, self.state_size, self.width // self.num_heads
        return self.convolution.blank_carry(num_rows), self.skip.new_zeros(shape)

    def forward(self, x: Tensor, carry: Carry) -> tuple[Tensor, Carry]:
        num_tokens, num_rows, _ = x.shape
        before, states = carry
        gate, mixed, step = torch.split(self.projections(x), self.sizes, dim=-1)
        mixed, before = self.convolution(mixed, before)
        channels, b, c = torch.split(F.silu(mixed), [self.width, self.state_size, self.state_size], dim=-1)
        step = F.softplus(step + self.step_bias)  # (T, B, H)
        channels = channels.view(num_tokens, num_rows, self.num_heads, -1)
        read, states = decayed_scan(
            c.transpose(0, 1),
            b.transpose(0, 1),
            (step[..., None] * channels).permute(1, 2, 0, 3),
            (-step * self.log_rate.exp()).permute(1, 2, 0),
            states,
        )
        y = read.permute(2, 0, 1, 3) + self.skip[:, None] * channels
        return self.out(self.norm((y.reshape(num_tokens, num_rows, -1) * F.silu(gate)).float())), (before, states)


def decayed_scan(c: Tensor, b: Tensor, x: Tensor, log_decay: Tensor, states: Tensor) -> tuple[Tensor, Tensor]:
    """S_t = exp(log_decay_t) S_{t-1} + b_t x_t^T, y_t = c_t S_t, chunk by chunk.

    c, b: (B, T, N), the same for all heads; x: (B, H, T, P); log_decay: (B, H, T), 0 or less; states: (B, H, N, P).
    Returns y (B, H, T, P), and the states after the last token.
    """
    read = []
    for begin in range(0, x.shape[2], _CHUNK):
        part = slice(begin, begin + _CHUNK)
        c_part, b_part, x_part = c[:, part], b[:, part], x[:, :, part]
        since_start = log_decay[:, :, part].cumsum(-1)  # (B, H, C)
        between = since_start[..., :, None] - since_start[..., None, :]
        num_tokens = x_part.shape[2]
        is_past = torch.ones(num_tokens, num_tokens, dtype=torch.bool, device=x.device).tril()
        decay = between.masked_fill(~is_past, -math.inf).exp()
        scores = decay * (c_part @ b_part.transpose(1, 2))[:, None]  # (B, H, C, C)
        from_states = since_start.exp()[..., None] * (c_part[:, None] @ states)
        read.append(scores @ x_part + from_states)
        until_end = (since_start[..., -1:] - since_start).exp()
        written = b_part.transpose(1, 2)[:, None] @ (until_end[..., None] * x_part)
        states = since_start[..., -1].exp()[..., None, None] * states + written
    return torch.cat(read, dim=2), states
