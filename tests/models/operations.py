"""How many floating-point operations torch counts for a model of a family that learns by gradients.

torch's counter sees matrix products, and not into fused kernels or our own recurrences. So recurrent layers are written
out with torch's cells, and attention in its plain form.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from models.carried import Carry
from models.neural_model import NeuralModel
from models.recurrent import RecurrentModel, weights_of
from models.transformer import Transformer


def counted(model: NeuralModel) -> tuple[float, float]:
    """FLOPs for each token of a row of a training step: forward, and forward and backward.

    Attention counts the places that a token may see; torch counts all of them.
    """
    tokens = torch.randint(0, model.vocab_size, (1, model.training_length))
    with torch.no_grad():
        expected, _ = model.eval()(tokens)
    hidden = 0.0
    if isinstance(model, Transformer):
        hidden = 2 * 2 * model.config.num_layers * model.config.d_model * (tokens.numel() - 1) / 2
    with _written_out(model), sdpa_kernel(SDPBackend.MATH):
        with FlopCounterMode(display=False) as forward, torch.no_grad():
            logits, _ = model(tokens)
        torch.testing.assert_close(logits, expected, atol=1e-5, rtol=1e-5)
        with FlopCounterMode(display=False) as step:
            logits, _ = model(tokens)
            F.cross_entropy(logits.flatten(0, 1), tokens.flatten()).backward()
    model.zero_grad()
    return forward.get_total_flops() / tokens.numel() - hidden, step.get_total_flops() / tokens.numel() - 3 * hidden


@contextmanager
def _written_out(model: NeuralModel) -> Iterator[None]:
    """In this block a recurrent model runs torch's cells, token by token."""
    with pytest.MonkeyPatch.context() as patch:
        if isinstance(model, RecurrentModel):
            patch.setattr(model, "run_layer", _by_cells)
        yield


def _by_cells(layer: nn.RNNBase, inputs: Tensor, carry: Carry) -> tuple[Tensor, Carry]:
    from_input, recurrent, *biases = weights_of(layer)
    outputs = []
    for x in inputs:
        if isinstance(layer, nn.LSTM):
            carry = torch.lstm_cell(x, list(carry), from_input, recurrent, *biases)
        else:
            cell = torch.gru_cell if isinstance(layer, nn.GRU) else torch.rnn_tanh_cell
            carry = (cell(x, carry[0], from_input, recurrent, *biases),)
        outputs.append(carry[0])
    return torch.stack(outputs), carry
