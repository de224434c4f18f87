from __future__ import annotations

import pytest
import torch
from torch import nn

from models.rnn import RNN, ElmanRecurrence
from models.settings.rnn import RNNConfig
from tests.models.recurrence import assert_same_as_torch


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
@pytest.mark.parametrize("num_tokens", [1, 2, 37])
def test_outputs_and_gradients_are_those_of_nn_rnn(num_tokens: int, dtype: torch.dtype, tolerance: float) -> None:
    model = RNNConfig(d_model=24).build(5, 4)
    assert isinstance(model, RNN)
    assert_same_as_torch(model, nn.RNN(24, 24), num_tokens, dtype, tolerance)


def test_gradients_follow_finite_differences() -> None:
    torch.manual_seed(0)
    shapes = [(3, 2, 4), (2, 4), (4, 4), (4,)]
    inputs = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]
    assert torch.autograd.gradcheck(ElmanRecurrence.apply, inputs)
