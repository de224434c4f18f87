"""The simple recurrent network of Elman (1990): h' = tanh(W x + b + U h + c).

On a processor the recurrence is our own: what the inputs contribute comes from one matrix product for the whole
stretch, each step is one product in place, and the gradient of U is one product at the end. It is faster than torch's
nn.RNN there, and equal to it (tests/models/test_rnn.py). On a graphics card it is torch's. models/recurrent.py says
the rest.

Shape legend: B rows, T tokens, D d_model.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.amp import custom_bwd, custom_fwd
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from models.carried import Carry
from models.recurrent import RecurrentModel, run_torch_layer, runs_by_hand, weights_of


class RNN(RecurrentModel):
    """Carries each layer's hidden state."""

    num_gates = 1
    num_carried = 1

    def make_layer(self, width_in: int, d_model: int) -> nn.RNNBase:
        return nn.RNN(width_in, d_model)

    def run_layer(self, layer: nn.RNNBase, inputs: Tensor, carry: Carry) -> tuple[Tensor, Carry]:
        if not runs_by_hand(inputs):
            return run_torch_layer(layer, inputs, carry)
        from_input, recurrent, input_bias, recurrent_bias = weights_of(layer)
        drive = F.linear(inputs, from_input, input_bias)
        outputs: Tensor = ElmanRecurrence.apply(drive, carry[0], recurrent, recurrent_bias)  # type: ignore[no-untyped-call]
        return outputs, (outputs[-1],)


class ElmanRecurrence(torch.autograd.Function):
    """h_t = tanh(drive_t + U h_{t-1} + c) for a stretch, given drive_t = W x_t + b.

    drive: (T, B, D); h_0: (B, D); U: (D, D); c: (D,). Returns (T, B, D).
    """

    @staticmethod
    # bfloat16 is for large products, not for a step's small ones
    @custom_fwd(device_type="cpu", cast_inputs=torch.float32)  # type: ignore[untyped-decorator]
    def forward(ctx: Any, drive: Tensor, first: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        hidden = drive.new_empty(len(drive) + 1, *first.shape)
        hidden[0] = first
        torch.add(drive, bias, out=hidden[1:])
        steps, weight_t = hidden.unbind(), weight.t()
        for before, now in pairwise(steps):
            now.addmm_(before, weight_t).tanh_()
        ctx.save_for_backward(hidden, weight)
        return hidden[1:]

    @staticmethod
    @custom_bwd(device_type="cpu")  # type: ignore[untyped-decorator]
    @once_differentiable
    def backward(ctx: Any, grad_outputs: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        hidden, weight = ctx.saved_tensors
        num_tokens, _, d_model = grad_outputs.shape
        slopes = 1 - hidden[1:].square()
        grad_drive = torch.empty_like(slopes)
        grad_hidden = torch.zeros_like(hidden[0])
        for step in range(num_tokens - 1, -1, -1):
            grad_hidden += grad_outputs[step]
            torch.mul(grad_hidden, slopes[step], out=grad_drive[step])
            torch.mm(grad_drive[step], weight, out=grad_hidden)
        flat = grad_drive.view(-1, d_model)
        return grad_drive, grad_hidden, flat.t() @ hidden[:-1].view(-1, d_model), flat.sum(0)
