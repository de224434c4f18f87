"""The learning rate rises in a straight line to its peak, and then follows its shape to its end."""

from __future__ import annotations

import pytest
import torch

from harness.training.schedule import Schedule, Shape

PEAK, WARMUP, FINAL = 4e-3, 0.2, 0.1


@pytest.mark.parametrize(
    ("fraction", "share_of_peak"),
    [(0.2, 1.0), (0.6, 0.55), (1.0, 0.1), (0.0995, 0.5)],
    # Halfway down lies the middle of 1 and 0.1. The way up begins 0.001 before the start, so its middle is 0.0995.
)
def test_it_follows_the_two_lines(fraction: float, share_of_peak: float) -> None:
    assert Schedule(PEAK, WARMUP, FINAL).learning_rate(fraction) == pytest.approx(share_of_peak * PEAK)


def test_the_first_step_moves_and_without_warmup_it_begins_at_the_peak() -> None:
    assert Schedule(PEAK, WARMUP, FINAL).learning_rate(0.0) == pytest.approx(PEAK * 0.001 / 0.201)
    assert Schedule(PEAK, 0.0, FINAL).learning_rate(0.0) == PEAK


@pytest.mark.parametrize(
    ("shape", "shares"),
    [
        # at the peak, halfway down by time, just before the fall of the last 0.2, in the middle of that, and at the end
        ("linear", (1.0, 0.55, 0.325, 0.2125, 0.1)),
        ("cosine", (1.0, 0.55, 0.2318, 0.1342, 0.1)),
        ("warmup_stable_decay", (1.0, 1.0, 1.0, 0.55, 0.1)),
        ("constant", (1.0, 1.0, 1.0, 1.0, 1.0)),
    ],
)
def test_each_shape_falls_as_its_name_says(shape: Shape, shares: tuple[float, ...]) -> None:
    schedule = Schedule(1.0, WARMUP, FINAL, shape, decay_fraction=0.2)
    rates = [schedule.learning_rate(fraction) for fraction in (0.2, 0.6, 0.8, 0.9, 1.0)]
    assert rates == pytest.approx(shares, abs=1e-4)
    assert schedule.learning_rate(0.1) < schedule.learning_rate(0.15) < 1


def test_a_cosine_is_torch_s() -> None:
    parameter = torch.nn.Parameter(torch.zeros(1))
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(torch.optim.SGD([parameter], lr=1.0), T_max=10, eta_min=0.1)
    for step in range(11):
        assert Schedule(1.0, 0.0, FINAL, "cosine").learning_rate(step / 10) == pytest.approx(theirs.get_last_lr()[0])
        theirs.optimizer.step()
        theirs.step()
