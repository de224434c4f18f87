from __future__ import annotations

import math

import pytest
import torch
from scipy.optimize import minimize_scalar

from models.checking.trial import MARKOV, Vocabulary, fit
from models.language_model import ModelConfig
from models.recency_cache import SHARPNESSES, Cache
from models.settings.ngram import NGramConfig
from models.settings.recency_cache import CacheConfig
from models.settings.unigram import UnigramConfig

SIZE, LONGEST = 7, 3


def plain_distribution(model: Cache, base: list[float], past: list[int]) -> list[float]:
    """Straight from the formula; the past ends where the last start token was."""
    if model.start_token in past:
        past = past[len(past) - past[::-1].index(model.start_token) :]
    votes = [0.0] * model.vocab_size
    longest = -1
    for place in range(max(0, len(past) - SIZE), len(past)):
        match = 0
        while match < min(LONGEST, place) and past[place - 1 - match] == past[len(past) - 1 - match]:
            match += 1
        votes[past[place]] += math.exp(float(model.sharpness) * match)
        longest = max(longest, match)
    if longest < 0:
        return base
    weight = float(model.weights[longest])
    return [(1 - weight) * p + weight * vote / sum(votes) for p, vote in zip(base, votes, strict=True)]


@pytest.fixture(scope="module")
def model() -> Cache:
    fitted = fit(CacheConfig({"base": UnigramConfig()}, size=SIZE, longest_match=LONGEST), MARKOV)
    assert isinstance(fitted, Cache)
    return fitted


def test_every_distribution_is_that_of_the_formula(model: Cache) -> None:
    rng = torch.Generator().manual_seed(0)
    text = torch.randint(0, 4, (1, 60), generator=rng)
    text[0, 35] = model.start_token
    model.weights = torch.tensor([0.1, 0.2, 0.3, 0.6], dtype=torch.float64)
    model.sharpness = torch.tensor([0.7], dtype=torch.float64)
    ours = model.logprobs(text)[0].exp()
    base = model.base.logprobs(text)[0].exp()
    for place in range(61):
        expected = plain_distribution(model, base[place].tolist(), text[0, :place].tolist())
        assert ours[place].tolist() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("base_config", [UnigramConfig(), NGramConfig(order=3, smoothing="maximum_likelihood")])
def test_each_weight_is_the_best_for_its_match(base_config: ModelConfig) -> None:
    other_text = torch.cat([torch.tensor([MARKOV.start_token]), MARKOV.stream[600:]])
    base_model = fit(base_config, Vocabulary(MARKOV.size, MARKOV.start_token, other_text))
    model = CacheConfig({"base": base_config}, size=SIZE, longest_match=LONGEST).combine({"base": base_model})
    model.tune([MARKOV.stream[:50], MARKOV.stream[50:120]])
    documents = [MARKOV.stream[:50], MARKOV.stream[50:120]]
    base = torch.cat([model.base.token_logprobs(d[None])[0].double().exp() for d in documents])
    votes = [model._votes(d[None], float(model.sharpness)) for d in documents]
    shares, matches = (torch.cat([part[0] for part in parts]) for parts in zip(*votes, strict=True))
    # Trigrams that never occurred have no probability. If the cache gives none either, no weight can help.
    assert ((base + shares == 0) & (matches >= 0)).any() == isinstance(base_config, NGramConfig)
    for match in range(LONGEST + 1):
        here = (matches == match) & (base + shares > 0)

        def loss(weight: float, here: torch.Tensor = here) -> float:
            mixed = (1 - weight) * base[here] + weight * shares[here]
            return -float(mixed.log().sum()) - math.log(weight) - math.log(1 - weight)

        best = minimize_scalar(loss, bounds=(1e-6, 1 - 1e-6), method="bounded", options={"xatol": 1e-9})
        assert float(model.weights[match]) == pytest.approx(best.x, abs=2e-3)
    assert float(model.sharpness) in SHARPNESSES


def test_where_neither_gives_a_probability_there_is_none_and_distributions_still_sum_to_one() -> None:
    config = CacheConfig({"base": NGramConfig(order=3, smoothing="maximum_likelihood")}, size=SIZE)
    model = fit(config, MARKOV)
    text = torch.tensor([[9, 10, 0, 9]])  # 9 and 10 never occur in training
    assert model.token_logprobs(text)[0, :2].tolist() == [-math.inf, -math.inf]
    assert model.token_logprobs(text)[0, 3] > -math.inf
    assert model.logprobs(text)[0, 4].exp().sum().item() == pytest.approx(1, abs=1e-6)


def test_words_said_before_are_more_likely_than_without_a_cache(model: Cache) -> None:
    config = CacheConfig({"base": UnigramConfig()}, size=50, longest_match=5)
    cached = fit(config, MARKOV)
    words = [0, 3, 5, 1, 7, 2]
    text = torch.tensor([words * 6])
    gain = cached.token_logprobs(text) - cached.members["base"].token_logprobs(text)
    assert float(gain[0, 12:].mean()) > 0.5


def test_a_new_document_begins_with_an_empty_cache(model: Cache) -> None:
    text = torch.tensor([[1, 2, 3, 1, 2, model.start_token]])
    assert torch.equal(model.logprobs(text)[0, -1], model.start().logprobs[0])
