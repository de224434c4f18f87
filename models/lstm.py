"""Long short-term memory (Hochreiter and Schmidhuber 1997; with forget gates, Gers, Schmidhuber and Cummins 2000).

The layers are torch's nn.LSTM: it has a fast kernel on processors (oneDNN) and on graphics cards (cuDNN). Each forget
gate starts with a bias of 1 (Gers et al. 2000; Jozefowicz, Zaremba and Sutskever 2015), so that memory lasts from the
first step of training; the rest is explained in models/recurrent.py.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.carried import Carry
from models.recurrent import RecurrentModel, run_torch_layer, weights_of


class LSTM(RecurrentModel):
    """Carries each layer's hidden state and memory cell."""

    num_gates = 4
    num_carried = 2

    def make_layer(self, width_in: int, d_model: int) -> nn.RNNBase:
        return nn.LSTM(width_in, d_model)

    @torch.no_grad()
    def initialise(self, layer: nn.RNNBase) -> None:
        super().initialise(layer)
        # torch's order of gates: input, forget, cell, output. It has two biases, which are added; only one is set.
        _, _, input_bias, _ = weights_of(layer)
        input_bias.chunk(self.num_gates)[1].fill_(1.0)

    def run_layer(self, layer: nn.RNNBase, inputs: Tensor, carry: Carry) -> tuple[Tensor, Carry]:
        return run_torch_layer(layer, inputs, carry)
