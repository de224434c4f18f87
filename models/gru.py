"""Gated recurrent units (Cho et al. 2014), in torch's and cuDNN's form: the reset gate acts after the matrix product.

    r = sigmoid(W_r x + b_r + U_r h + c_r)        n  = tanh(W_n x + b_n + r (U_n h + c_n))
    z = sigmoid(W_z x + b_z + U_z h + c_z)        h' = (1 - z) n + z h

On a processor torch's nn.GRU has no fast kernel, so the recurrence there is our own: what the inputs contribute comes
from one matrix product for the whole stretch, each step is one product and a few operations in place, and the
gradient of U is one product at the end. It is equal to nn.GRU (tests/models/test_gru.py). On a graphics card it is
torch's. The rest is explained in models/recurrent.py.

Shape legend: B rows, T tokens, D d_model.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.amp import custom_bwd, custom_fwd
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from models.carried import Carry
from models.recurrent import RecurrentModel, run_torch_layer, runs_by_hand, weights_of


class GRU(RecurrentModel):
    """Carries each layer's hidden state."""

    num_gates = 3
    num_carried = 1

    def make_layer(self, width_in: int, d_model: int) -> nn.RNNBase:
        return nn.GRU(width_in, d_model)

    def run_layer(self, layer: nn.RNNBase, inputs: Tensor, carry: Carry) -> tuple[Tensor, Carry]:
        if not runs_by_hand(inputs):
            return run_torch_layer(layer, inputs, carry)
        from_input, recurrent, input_bias, recurrent_bias = weights_of(layer)
        drive = F.linear(inputs, from_input, input_bias)
        outputs: Tensor = GatedRecurrence.apply(drive, carry[0], recurrent, recurrent_bias)  # type: ignore[no-untyped-call]
        return outputs, (outputs[-1],)


class GatedRecurrence(torch.autograd.Function):
    """The recurrence above for a stretch, given drive_t = W x_t + b.

    drive: (T, B, 3D), the blocks in torch's order r, z, n; h_0: (B, D); U: (3D, D); c: (3D,). Returns (T, B, D).
    """

    @staticmethod
    # bfloat16 is for large products, not for a step's small ones
    @custom_fwd(device_type="cpu", cast_inputs=torch.float32)  # type: ignore[untyped-decorator]
    def forward(ctx: Any, drive: Tensor, first: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        num_rows, d_model = first.shape
        hidden = drive.new_empty(len(drive) + 1, num_rows, d_model)
        hidden[0] = first
        h = hidden.unbind()
        # What the backward pass needs of each step, side by side: r, z, n, and U_n h + c_n.
        saved = drive.new_empty(len(drive), num_rows, 4 * d_model)
        r, z, n, pulled = (part.unbind() for part in saved.chunk(4, dim=2))
        rz = saved[:, :, : 2 * d_model].unbind()
        drive_rz, drive_n = drive[:, :, : 2 * d_model].unbind(), drive[:, :, 2 * d_model :].unbind()
        product = drive.new_empty(num_rows, 3 * d_model)
        product_rz, product_n = product[:, : 2 * d_model], product[:, 2 * d_model :]
        weight_t = weight.t()
        for t in range(len(drive)):
            torch.addmm(bias, h[t], weight_t, out=product)
            torch.add(drive_rz[t], product_rz, out=rz[t]).sigmoid_()
            pulled[t].copy_(product_n)
            torch.addcmul(drive_n[t], r[t], product_n, out=n[t]).tanh_()
            torch.lerp(n[t], h[t], z[t], out=h[t + 1])
        ctx.save_for_backward(hidden, saved, weight)
        return hidden[1:]

    @staticmethod
    @custom_bwd(device_type="cpu")  # type: ignore[untyped-decorator]
    @once_differentiable
    def backward(ctx: Any, grad_outputs: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        hidden, saved, weight = ctx.saved_tensors
        num_tokens, num_rows, d_model = grad_outputs.shape
        h = hidden.unbind()
        r, z, n, pulled = (part.unbind() for part in saved.chunk(4, dim=2))
        rz = saved[:, :, : 2 * d_model].unbind()
        # Gradients of the sums inside the gates. Laid out n through U, r, z, n through W: the first three are what
        # flows back through U, the last three what flows into the drive, and neither needs a copy.
        grads = grad_outputs.new_empty(num_tokens, num_rows, 4 * d_model)
        through_u, into_drive = grads[:, :, : 3 * d_model], grads[:, :, d_model:]
        grad_pulled, grad_n = grads[:, :, :d_model].unbind(), grads[:, :, 3 * d_model :].unbind()
        grad_rz, grad_product = grads[:, :, d_model : 3 * d_model].unbind(), through_u.unbind()
        weight_nrz = weight.roll(d_model, 0)
        grad_h = torch.zeros_like(h[0])
        straight_on, to_n = torch.empty_like(grad_h), torch.empty_like(grad_h)
        to_rz = grad_h.new_empty(num_rows, 2 * d_model)
        to_r, to_z = to_rz.chunk(2, dim=1)
        for t in range(num_tokens - 1, -1, -1):
            grad_h += grad_outputs[t]
            torch.mul(grad_h, z[t], out=straight_on)
            torch.sub(grad_h, straight_on, out=to_n)
            torch.ops.aten.tanh_backward.grad_input(to_n, n[t], grad_input=grad_n[t])
            torch.mul(grad_n[t], pulled[t], out=to_r)
            torch.sub(h[t], n[t], out=to_z).mul_(grad_h)
            torch.ops.aten.sigmoid_backward.grad_input(to_rz, rz[t], grad_input=grad_rz[t])
            torch.mul(grad_n[t], r[t], out=grad_pulled[t])
            torch.addmm(straight_on, grad_product[t], weight_nrz, out=grad_h)
        flat = through_u.reshape(-1, 3 * d_model)
        grad_weight = flat.t() @ hidden[:-1].view(-1, d_model)
        return into_drive, grad_h, grad_weight.roll(-d_model, 0), flat.sum(0).roll(-d_model, 0)
