"""The state of the training loop between steps; the loop itself is tested through fits and stages."""

from __future__ import annotations

import math

import pytest
import torch

from harness.training.gradients import BestWeights, LossMean
from tests.models.diagonal import Diagonal, DiagonalConfig


def test_a_mean_of_losses_starts_again_once_it_is_taken() -> None:
    losses = LossMean(torch.device("cpu"))
    for loss in (1.0, 2.0, 6.0):
        losses.add(torch.tensor(loss, requires_grad=True))
    assert losses.take() == 3.0
    losses.add(torch.tensor(0.5))
    assert losses.take() == 0.5


def test_losses_are_summed_up_in_double_precision() -> None:
    losses = LossMean(torch.device("cpu"))
    for loss in (2.0**24, 1.0, 1.0):  # 2^24 + 1 is no 32-bit number
        losses.add(torch.tensor(loss))
    assert losses.take() == pytest.approx((2**24 + 2) / 3, rel=1e-12)


def test_the_best_weights_are_a_copy_of_those_with_the_fewest_bits_and_nan_is_never_best() -> None:
    model, best = Diagonal(DiagonalConfig(), 5, 0), BestWeights()
    best.offer(math.nan, model)
    assert best.tensors == {}
    for bits, bias in ((2.0, 1.0), (1.0, 2.0), (1.5, 3.0), (math.nan, 4.0)):
        with torch.no_grad():
            model.output_bias.fill_(bias)
        best.offer(bits, model)
    assert best.bits_per_byte == 1.0
    assert set(best.tensors["output_bias"].tolist()) == {2.0}
