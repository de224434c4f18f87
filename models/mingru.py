"""A minimal gated recurrent unit (Feng et al. 2024):

    z = sigmoid(W_z x)        h' = (1 - z) h + z g(W_h x)

models/minimal_recurrent.py says the rest. Shape legend: B rows, T tokens, E width of the recurrent layer.
"""

from __future__ import annotations

import torch
from torch import Tensor

from models.minimal_recurrent import MinimalRecurrentMixer
from models.residual import Mixer, ResidualModel
from models.settings.mingru import MinGRUConfig


class MinGRU(ResidualModel):
    """Blocks of a minimal GRU and an MLP."""

    config: MinGRUConfig

    def make_mixer(self) -> Mixer:
        return MinGRUMixer(self.config, num_gates=1)


class MinGRUMixer(MinimalRecurrentMixer):
    """One gate: what is taken of the candidate is lost of the state before."""

    def decay_and_share(self, gates: Tensor) -> tuple[Tensor, Tensor]:
        kept = gates + self.gate_bias  # the logit of 1 - z
        return torch.sigmoid(kept), torch.sigmoid(-kept)
