"""Shared by the tests of the recurrent families."""

from __future__ import annotations

import torch
from torch import nn

from models.recurrent import RecurrentModel


def assert_same_as_torch(
    model: RecurrentModel, reference: nn.RNNBase, num_tokens: int, dtype: torch.dtype, tolerance: float
) -> None:
    """A layer's outputs, last state and all gradients equal those of torch's own module with the same weights."""
    torch.manual_seed(0)
    layer = model.layers[0]
    assert isinstance(layer, nn.RNNBase)
    for parameter in layer.parameters():
        nn.init.normal_(parameter, std=0.3)
    layer.to(dtype)
    reference.load_state_dict(layer.state_dict())
    reference.to(dtype)
    width = model.config.d_model
    inputs = torch.randn(num_tokens, 3, width, dtype=dtype, requires_grad=True)
    first = torch.randn(3, width, dtype=dtype, requires_grad=True)
    weights, last_weights = torch.randn(num_tokens, 3, width, dtype=dtype), torch.randn(3, width, dtype=dtype)

    def run(outputs: torch.Tensor, last: torch.Tensor, parameters: list[nn.Parameter]) -> list[torch.Tensor]:
        loss = (outputs * weights).sum() + (last * last_weights).sum()
        return [outputs, last, *torch.autograd.grad(loss, [inputs, first, *parameters])]

    outputs, (last,) = model.run_layer(layer, inputs, (first,))
    ours = run(outputs, last, list(layer.parameters()))
    expected_outputs, expected_last = reference(inputs, first[None])
    theirs = run(expected_outputs, expected_last[0], list(reference.parameters()))
    for actual, expected in zip(ours, theirs, strict=True):
        scale = max(1.0, float(expected.detach().abs().max()))
        torch.testing.assert_close(actual / scale, expected / scale, atol=tolerance, rtol=0)
