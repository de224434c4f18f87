"""Transforms against transformers' own logits processors; choosers against exact probabilities."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import (
    EtaLogitsWarper,
    MinPLogitsWarper,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
    TypicalLogitsWarper,
)

from harness.completion.decoding.choosers import Draw
from harness.completion.decoding.penalties import NoRepeatNGram, RepetitionPenalty
from harness.completion.decoding.transform import Sampler, Transform
from harness.completion.decoding.transforms import Eta, MinP, Mirostat, Temperature, TopK, TopP, Typical
from tests.harness.completion.decoding.distributions import NO_ROWS, assert_same_distribution, random_logprobs

SAME: list[tuple[Transform, Any]] = [
    *((TopK(k), TopKLogitsWarper(k)) for k in (1, 5, 49, 50, 500)),
    *((MinP(p), MinPLogitsWarper(p)) for p in (1e-9, 0.02, 0.3, 1.0)),
    *((Typical(mass), TypicalLogitsWarper(mass)) for mass in (1e-6, 0.2, 0.9, 0.9999)),
    *((Eta(epsilon), EtaLogitsWarper(epsilon)) for epsilon in (1e-6, 3e-4, 0.02, 0.9)),
    *((Temperature(t), TemperatureLogitsWarper(t)) for t in (0.1, 1.0, 1.7, 100.0)),
]


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize(
    ("ours", "theirs"), SAME, ids=lambda value: repr(value) if isinstance(value, Transform) else ""
)
def test_a_transform_equals_transformers(ours: Transform, theirs: Any, ties: bool) -> None:
    for seed, scale in ((1, 3.0), (2, 0.5), (3, 8.0)):
        logprobs = random_logprobs(seed, ties, scale)
        assert_same_distribution(ours(logprobs, NO_ROWS, None), theirs(NO_ROWS.tokens, logprobs.clone()))


@pytest.mark.parametrize("p", [1e-6, 0.1, 0.5, 0.9, 0.999, 1.0])
def test_top_p_equals_transformers(p: float) -> None:
    logprobs = random_logprobs(7)
    assert_same_distribution(TopP(p)(logprobs), TopPLogitsWarper(p)(NO_ROWS.tokens, logprobs))


def test_a_temperature_near_zero_leaves_the_most_probable() -> None:
    logprobs = random_logprobs(4)
    cold = Temperature(1e-30)(logprobs)
    assert not cold.isnan().any()
    assert torch.equal(cold.argmax(-1), logprobs.argmax(-1))
    assert torch.equal(cold.max(-1).values, torch.zeros(64))


def test_mirostat_keeps_what_is_no_more_surprising_than_mu_and_moves_mu() -> None:
    mirostat = Mirostat(target_bits=1.5, learning_rate=0.1)
    memory = mirostat.start(1)
    assert memory.tolist() == [3.0]
    logprobs = torch.tensor([[0.5, 0.25, 0.125, 0.1, 0.025]]).log()
    kept = mirostat(logprobs, NO_ROWS, memory)
    assert kept.isfinite().tolist() == [[True, True, True, False, False]]
    after = mirostat.remember(memory, torch.tensor([2]), kept, NO_ROWS)
    surprise = -torch.tensor(0.125 / 0.875).log2()
    assert float(after) == pytest.approx(3.0 - 0.1 * (float(surprise) - 1.5), rel=1e-6)
    # never nothing
    assert mirostat(logprobs, NO_ROWS, torch.tensor([0.01])).isfinite().tolist() == [[True] + [False] * 4]


def test_mirostat_holds_the_mean_surprise_at_its_target() -> None:
    logprobs = torch.log_softmax(torch.randn(1, 500, generator=torch.Generator().manual_seed(0)), dim=-1)
    sampler = Sampler([Mirostat(4.0, 0.1)], Draw(), 1)
    generator = torch.Generator().manual_seed(1)
    bits = []
    for _ in range(3000):
        distribution = sampler.distribution(logprobs, NO_ROWS)
        chosen = sampler.choose(distribution, torch.rand(1, generator=generator, dtype=torch.float64))
        sampler.remember(chosen, NO_ROWS)
        bits.append(-float(distribution[0, chosen]) / 0.6931471805599453)
    assert sum(bits[500:]) / 2500 == pytest.approx(4.0, abs=0.1)


def test_of_equals_top_p_keeps_the_lowest_ids() -> None:
    uniform = torch.full((1, 8), 1 / 8).log()
    kept = TopP(0.5)(uniform).isfinite()[0].tolist()
    assert kept == [True] * 4 + [False] * 4


@pytest.mark.parametrize(
    ("transform", "wrong"),
    [
        (TopK, {"k": 0}),
        (TopP, {"p": 0.0}),
        (TopP, {"p": 1.1}),
        (MinP, {"min_p": -0.1}),
        (Typical, {"mass": 1.0}),
        (Eta, {"epsilon": 0.0}),
        (Temperature, {"temperature": 0.0}),
        (Mirostat, {"target_bits": 0.0}),
        (RepetitionPenalty, {"penalty": 0.0}),
        (NoRepeatNGram, {"n": 0}),
    ],
)
def test_impossible_settings_are_refused(transform: type[Transform], wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        transform(**wrong)
