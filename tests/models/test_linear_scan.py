"""The linear recurrence, against the plain loop and finite differences."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from models import linear_scan as module
from models.linear_scan import linear_scan


def plain(decay: Tensor, drive: Tensor, first: Tensor) -> Tensor:
    states = [first]
    for a, b in zip(decay, drive, strict=True):
        states.append(a * states[-1] + b)
    return torch.stack(states[1:])


def inputs(num_tokens: int) -> list[Tensor]:
    torch.manual_seed(0)
    decay = torch.rand(num_tokens, 2, 3, dtype=torch.float64)
    decay[num_tokens // 2] = 0  # everything may be forgotten
    drive, first = torch.randn(num_tokens, 2, 3, dtype=torch.float64), torch.randn(2, 3, dtype=torch.float64)
    return [part.requires_grad_() for part in (decay, drive, first)]


@pytest.fixture(params=["step by step", "by doubling"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """How the states are computed: as on a processor, or as elsewhere."""
    monkeypatch.setattr(module, "_runs_in_place", lambda values: request.param == "step by step")


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("num_tokens", [1, 2, 7, 64, 100])
def test_states_and_gradients_are_those_of_the_plain_loop(num_tokens: int) -> None:
    weights = torch.randn(num_tokens, 2, 3, dtype=torch.float64)
    results = []
    for scan in (linear_scan, plain):
        parts = inputs(num_tokens)
        states = scan(*parts)
        (states * weights).sum().backward()
        results.append([states.detach(), *(part.grad for part in parts)])
    for ours, expected in zip(*results, strict=True):
        torch.testing.assert_close(ours, expected, atol=1e-12, rtol=1e-12)


@pytest.mark.usefixtures("way")
def test_gradients_follow_finite_differences() -> None:
    assert torch.autograd.gradcheck(linear_scan, inputs(5))
