"""The running average of the weights."""

from __future__ import annotations

import math

import pytest
import torch

from harness.training.averaging import AveragedWeights
from tests.models.diagonal import Diagonal, DiagonalConfig


def moved_to(model: Diagonal, value: float) -> None:
    with torch.no_grad():
        model.output_bias.fill_(value)


def test_the_average_looks_back_on_its_share_of_the_budget() -> None:
    model = Diagonal(DiagonalConfig(), 5, 0)
    average = AveragedWeights(model, share=0.1)
    moved_to(model, 0.0)
    average.add(0.01)
    moved_to(model, 1.0)
    for _ in range(10):
        average.add(0.01)
    # after as much of the budget as it looks back on, 1 / e is left of what was there before
    assert float(average.tensors["output_bias"][0]) == pytest.approx(1 - math.exp(-1), abs=1e-6)


def test_the_model_has_the_average_in_the_block_and_its_own_weights_after_it() -> None:
    model = Diagonal(DiagonalConfig(), 5, 0)
    average = AveragedWeights(model, share=0.1)
    moved_to(model, 2.0)
    average.add(0.5)
    moved_to(model, 4.0)
    with average.in_place():
        assert model.output_bias.tolist() == [2.0] * 5
    assert model.output_bias.tolist() == [4.0] * 5


def test_before_the_first_step_the_average_is_the_weights_themselves() -> None:
    model = Diagonal(DiagonalConfig(), 5, 0)
    moved_to(model, 3.0)
    with AveragedWeights(model, share=0.1).in_place():
        assert model.output_bias.tolist() == [3.0] * 5
