"""A minimal long short-term memory (Feng et al. 2024), its gates scaled to sum to one:

    f = sigmoid(W_f x), i = sigmoid(W_i x)        h' = f / (f + i) h + i / (f + i) g(W_h x)

models/minimal_recurrent.py says the rest. Shape legend: B rows, T tokens, E width of the recurrent layer.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from models.minimal_recurrent import MinimalRecurrentMixer
from models.residual import Mixer, ResidualModel
from models.settings.minlstm import MinLSTMConfig


class MinLSTM(ResidualModel):
    """Blocks of a minimal LSTM and an MLP."""

    config: MinLSTMConfig

    def make_mixer(self) -> Mixer:
        return MinLSTMMixer(self.config, num_gates=2)


class MinLSTMMixer(MinimalRecurrentMixer):
    """Two gates: forget and input. Their ratio, computed from logarithms, says what is kept."""

    def decay_and_share(self, gates: Tensor) -> tuple[Tensor, Tensor]:
        forget, take = gates.chunk(2, dim=-1)
        # f / (f + i) is the sigmoid of log f - log i
        ratio = F.logsigmoid(forget + self.gate_bias) - F.logsigmoid(take - self.gate_bias)
        return torch.sigmoid(ratio), torch.sigmoid(-ratio)
