"""Dropout is torch's, and does nothing at a rate of 0."""

from __future__ import annotations

import torch

from models.dropout import drop


def test_values_are_dropped_or_scaled_up_and_stay_the_same_on_average() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        dropped = drop(torch.ones(100_000), 0.2)
    assert sorted(dropped.unique().tolist()) == [0.0, 1.25]  # 1 / (1 - 0.2)
    # four standard errors of a share of 0.2
    assert abs(float((dropped == 0).float().mean()) - 0.2) < 4 * (0.2 * 0.8 / 100_000) ** 0.5


def test_without_dropout_no_random_numbers_are_drawn() -> None:
    x, before = torch.ones(3), torch.get_rng_state()
    assert drop(x, 0.0) is x
    assert torch.equal(torch.get_rng_state(), before)
