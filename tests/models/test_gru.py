from __future__ import annotations

import pytest
import torch
from torch import nn

from models.gru import GRU, GatedRecurrence
from models.settings.gru import GRUConfig
from tests.models.recurrence import assert_same_as_torch


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
@pytest.mark.parametrize("num_tokens", [1, 2, 37])
def test_outputs_and_gradients_are_those_of_nn_gru(num_tokens: int, dtype: torch.dtype, tolerance: float) -> None:
    model = GRUConfig(d_model=24).build(5, 4)
    assert isinstance(model, GRU)
    assert_same_as_torch(model, nn.GRU(24, 24), num_tokens, dtype, tolerance)


def test_gradients_follow_finite_differences() -> None:
    torch.manual_seed(0)
    shapes = [(3, 2, 12), (2, 4), (12, 4), (12,)]
    inputs = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]
    assert torch.autograd.gradcheck(GatedRecurrence.apply, inputs)
