"""Transforms against transformers' own logits warpers; choosers against exact probabilities."""

from __future__ import annotations

import pytest
import torch
from scipy.stats import chisquare
from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from harness.decoding import DecodingStrategy, Greedy, Sample, Temperature, TopK, TopP

NO_IDS = torch.zeros(64, 0, dtype=torch.int64)


def random_logprobs(seed: int, ties: bool = False, scale: float = 3.0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(64, 50, generator=generator) * scale
    return torch.log_softmax(logits.round() if ties else logits, dim=-1)


def assert_same_distribution(ours: torch.Tensor, logits: torch.Tensor) -> None:
    torch.testing.assert_close(ours.exp(), torch.softmax(logits, dim=-1), atol=1e-6, rtol=0)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("k", [1, 5, 49, 50, 500])
def test_top_k_equals_transformers_also_with_ties_and_more_than_the_vocabulary(k: int, ties: bool) -> None:
    logprobs = random_logprobs(k, ties)
    assert_same_distribution(TopK(k)(logprobs), TopKLogitsWarper(k)(NO_IDS, logprobs))


@pytest.mark.parametrize("p", [1e-6, 0.1, 0.5, 0.9, 0.999, 1.0])
def test_top_p_equals_transformers(p: float) -> None:
    logprobs = random_logprobs(7)
    assert_same_distribution(TopP(p)(logprobs), TopPLogitsWarper(p)(NO_IDS, logprobs))


@pytest.mark.parametrize("temperature", [1e-3, 0.1, 1.0, 1.7, 100.0])
def test_temperature_equals_transformers(temperature: float) -> None:
    logprobs = random_logprobs(3)
    assert_same_distribution(Temperature(temperature)(logprobs), TemperatureLogitsWarper(temperature)(NO_IDS, logprobs))


def test_of_equals_top_p_keeps_the_lowest_ids() -> None:
    uniform = torch.full((1, 8), 1 / 8).log()
    kept = TopP(0.5)(uniform).isfinite()[0].tolist()
    assert kept == [True] * 4 + [False] * 4


def test_of_equals_greedy_takes_the_lowest_id() -> None:
    logprobs = torch.log_softmax(
        torch.tensor([[0.0, 2.0, 2.0, 1.0], [1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 5.0]]), dim=-1
    )
    assert Greedy()(logprobs, torch.zeros(3)).tolist() == [1, 0, 3]


@pytest.mark.parametrize(
    "transforms",
    [{}, {"temperature": Temperature(0.7)}, {"top_k": TopK(4)}, {"temperature": Temperature(1.3), "top_p": TopP(0.8)}],
)
def test_samples_follow_the_sampler_s_distribution(transforms: dict[str, Temperature]) -> None:
    strategy = DecodingStrategy(Sample(), transforms)
    row = strategy.distribution(random_logprobs(11, scale=1.0)[:1, :12].log_softmax(dim=-1))
    count = 20_000
    uniforms = torch.rand(count, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    drawn = torch.bincount(strategy.chooser(row.expand(count, -1), uniforms), minlength=12)
    possible = row[0].isfinite()
    assert drawn[~possible].sum() == 0
    assert chisquare(drawn[possible], row[0, possible].double().softmax(dim=0) * count).pvalue > 1e-3


@pytest.mark.parametrize("uniform", [0.0, 0.999999999999])
def test_a_draw_at_either_end_never_takes_an_impossible_token(uniform: float) -> None:
    logprobs = torch.tensor([[-torch.inf, 0.5, 0.5, -torch.inf]]).log_softmax(dim=-1)
    assert Sample()(logprobs, torch.tensor([uniform], dtype=torch.float64)).item() in (1, 2)


@pytest.mark.parametrize(
    ("wrong", "word"),
    [(lambda: Temperature(0), "above 0"), (lambda: TopK(0), "1 or more"), (lambda: TopP(1.5), "at most 1")],
)
def test_impossible_settings_say_what_is_allowed(wrong: object, word: str) -> None:
    assert callable(wrong)
    with pytest.raises(ValueError, match=word):
        wrong()
