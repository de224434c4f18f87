"""What mingru and minlstm share (Feng et al. 2024, "Were RNNs All We Needed?").

Their gates look at the input alone, not at the state before. So a layer is a linear recurrence, h_t = a_t h_{t-1} + b_t
(models/linear_scan.py), where a_t and b_t come from matrix products for the whole stretch at once. The candidate is
g(W x), with g(x) = x + 0.5 for x >= 0 and sigmoid(x) below (the paper's appendix B). As in the paper a short causal
convolution comes before each layer, so that a gate sees four tokens, and an MLP after it (models/residual.py).

Gates start with biases drawn so that units forget after 1 to `training_length` tokens, evenly ("chrono", Tallec and
Ollivier 2018).

Shape legend: B rows, T tokens, D d_model, E = expansion * D width of the recurrent layer.
"""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.carried import Carry
from models.linear_scan import linear_scan
from models.residual import Mixer, ShortConvolution, linear, writing_linear
from models.settings.minimal_recurrent import MinimalRecurrentConfig


class MinimalRecurrentMixer(Mixer):
    """Convolution, gates, recurrence, and a matrix back to the residual stream.

    Carries the tokens that the convolution still needs, (B, 3, D), and the hidden state, (B, E).
    """

    def __init__(self, config: MinimalRecurrentConfig, num_gates: int) -> None:
        super().__init__()
        self.width = round(config.expansion * config.d_model)
        self.convolution = ShortConvolution(config.d_model)
        self.gates_and_candidate = linear(config.d_model, (num_gates + 1) * self.width)
        memory = torch.empty(self.width).uniform_(1, max(2, config.training_length))
        self.gate_bias = nn.Parameter(memory.log())
        self.out = writing_linear(self.width, config.d_model)

    @abstractmethod
    def decay_and_share(self, gates: Tensor) -> tuple[Tensor, Tensor]:
        """How much of the state before is kept, and how much of the candidate is taken: (T, B, E) each.

        gates: (T, B, number of gates * E), before the bias.
        """

    def blank_carry(self, num_rows: int) -> Carry:
        return self.convolution.blank_carry(num_rows), self.gate_bias.new_zeros(num_rows, self.width)

    def forward(self, x: Tensor, carry: Carry) -> tuple[Tensor, Carry]:
        before, hidden = carry
        mixed, before = self.convolution(x, before)
        *_, candidate = (projected := self.gates_and_candidate(mixed)).split(self.width, dim=-1)
        decay, share = self.decay_and_share(projected[..., : -self.width])
        states = linear_scan(decay, share * positive(candidate), hidden)
        return self.out(states), (before, states[-1])


def positive(x: Tensor) -> Tensor:
    """g of the paper: x + 0.5 from 0 up, sigmoid(x) below; always above 0, and continuous."""
    return F.relu(x) + torch.sigmoid(x.clamp(max=0))
