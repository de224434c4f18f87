"""The activations, against torch's."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from models.activations import squared_relu, tanh

PAIRS: list[tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]] = [
    (squared_relu, lambda x: torch.relu(x).square()),
    (tanh, torch.tanh),
]


@pytest.mark.parametrize(("ours", "plain"), PAIRS)
def test_values_and_slopes_are_those_of_torch(
    ours: Callable[[Tensor], Tensor], plain: Callable[[Tensor], Tensor]
) -> None:
    torch.manual_seed(0)
    whole = torch.cat([4 * torch.randn(5_000), torch.tensor([0.0, -0.0, 1e-30, -1e-30, 50.0, -50.0, 1e4, -1e4])])
    grad = 2 * torch.rand_like(whole) - 1
    results = []
    for function in (ours, plain):
        x = whole.clone().requires_grad_()
        y = function(x)
        y.backward(grad)
        results.append((y.detach(), x.grad))
    for mine, expected in zip(*results, strict=True):
        assert mine is not None
        torch.testing.assert_close(mine, expected, atol=5e-7, rtol=1e-6)


@pytest.mark.parametrize(("ours", "plain"), PAIRS)
def test_slopes_follow_finite_differences(ours: Callable[[Tensor], Tensor], plain: Callable[[Tensor], Tensor]) -> None:
    x = torch.linspace(-2, 2, 12, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(ours(x), plain(x), atol=1e-15, rtol=1e-14)
    assert torch.autograd.gradcheck(ours, [x])


def test_not_a_number_stays_one() -> None:
    """So that a fit that diverges is noticed."""
    for function, _ in PAIRS:
        assert function(torch.tensor([torch.nan])).isnan().all()
