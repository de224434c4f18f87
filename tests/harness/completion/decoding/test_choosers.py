"""Choosers against exact probabilities."""

from __future__ import annotations

import pytest
import torch
from scipy.stats import chisquare

from harness.completion.decoding.choosers import Draw, Greedy
from harness.completion.decoding.transform import Transform
from harness.completion.decoding.transforms import Eta, MinP, Temperature, TopK, TopP, Typical
from harness.completion.engine import DecodingStrategy
from tests.harness.completion.decoding.distributions import NO_ROWS


def test_of_equals_greedy_takes_the_lowest_id() -> None:
    logprobs = torch.log_softmax(
        torch.tensor([[0.0, 2.0, 2.0, 1.0], [1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 5.0]]), dim=-1
    )
    assert Greedy()(logprobs, torch.zeros(3)).tolist() == [1, 0, 3]


def test_of_equals_greedy_may_draw_with_the_sequence_s_own_number() -> None:
    logprobs = torch.log_softmax(torch.tensor([[0.0, 2.0, 2.0, 2.0]]), dim=-1).repeat(6, 1)
    uniforms = torch.tensor([0.0, 0.33, 0.34, 0.66, 0.67, 0.999], dtype=torch.float64)
    assert Greedy(ties="random")(logprobs, uniforms).tolist() == [1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize(
    "transforms",
    [
        {},
        {"temperature": Temperature(0.7)},
        {"top_k": TopK(4)},
        {"temperature": Temperature(1.3), "top_p": TopP(0.8)},
        {"min_p": MinP(0.2)},
        {"typical": Typical(0.7)},
        {"eta": Eta(0.1)},
    ],
    ids=str,
)
def test_samples_have_the_strategy_s_own_frequencies(transforms: dict[str, Transform]) -> None:
    strategy = DecodingStrategy(Draw(), transforms)
    logprobs = torch.log_softmax(torch.randn(1, 12, generator=torch.Generator().manual_seed(5)) * 1.5, dim=-1)
    sampler = strategy.sampler(1)
    expected = sampler.distribution(logprobs, NO_ROWS)[0].double().exp()
    draws = 20_000
    uniforms = torch.rand(draws, generator=torch.Generator().manual_seed(6), dtype=torch.float64)
    counts = torch.bincount(strategy.chooser(expected.log().float().repeat(draws, 1), uniforms), minlength=12)
    possible = expected > 0
    assert counts[~possible].sum() == 0
    frequencies = expected[possible] / expected[possible].sum() * draws
    assert possible.sum() == 1 or chisquare(counts[possible], frequencies).pvalue > 1e-3
