"""Counts above a model: by hand, and as every model must be."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from models.adapted import Adapted
from models.checks import BadWeights
from models.language_model import CountingModel, LanguageModel, ModelConfig
from models.settings.adapted import Adaptation, AdaptedConfig
from models.settings.bigram import BigramConfig
from models.settings.ngram import NGramConfig
from models.settings.uniform import UniformConfig
from models.settings.unigram import UnigramConfig

VOCAB, START = 5, 4
TEXTS = [np.random.default_rng(seed).integers(0, 4, 40) for seed in range(6)]


def fitted(config: ModelConfig) -> LanguageModel:
    model = config.build(VOCAB, START)
    assert isinstance(model, CountingModel)
    model.count(torch.from_numpy(np.concatenate([np.concatenate([[START], text]) for text in TEXTS])))
    model.finish([torch.from_numpy(TEXTS[0])])
    return model


def adapted(config: ModelConfig, most_context: int = 8) -> Adapted:
    base = fitted(config)
    return Adapted(AdaptedConfig(config, Adaptation(most_context)), base)


def learnt(config: ModelConfig) -> Adapted:
    """Adapted to other texts, with weights of all kinds."""
    model = adapted(config)
    rng = np.random.default_rng(9)
    others = [rng.integers(0, 2, 30) for _ in range(8)]
    weights = [rng.choice([0.0, 0.3, 1.0, 2.0], 30) for _ in others]
    model.count(others[:6], weights[:6])
    model.choose(others[6:], weights[6:])
    return model


CONFIGS = [UnigramConfig(), BigramConfig(), NGramConfig(order=4), NGramConfig(order="inf")]
IDS = ["unigram", "bigram", "ngram", "ngram-inf"]


def test_one_level_is_a_posterior_mean_by_hand() -> None:
    model = adapted(BigramConfig(), most_context=0)
    before = model.base.start(1).logprobs[0].double().exp()
    model.count([np.array([0, 1, 1])], [np.array([0.5, 1.0, 1.0])])
    model.concentrations = np.array([2.0])
    counts = torch.tensor([0.5, 2.0, 0, 0, 0], dtype=torch.float64)
    expected = (counts + 2 * before) / (2.5 + 2)
    torch.testing.assert_close(model.start(1).logprobs[0].double().exp(), expected, rtol=0, atol=1e-7)


def test_a_token_of_weight_0_is_context_only_and_contexts_end_at_the_start_token() -> None:
    model = adapted(NGramConfig(order=4))
    model.count([np.array([0, 1, 2, 3])], [np.array([0.0, 0.0, 1.0, 0.0])])
    model.concentrations = np.array([math.inf, math.inf, 1e-9, math.inf])
    after = model.logprobs(torch.tensor([[0, 1], [1, 1]]))[:, -1].exp()
    assert float(after[0, 2]) == pytest.approx(1)
    base = model.base.logprobs(torch.tensor([[1, 1]]))[:, -1].exp()
    torch.testing.assert_close(after[1:], base)
    # the start token and 0 before 1 are the whole document so far
    model.concentrations = np.array([math.inf, math.inf, math.inf, 1e-9])
    whole = model.logprobs(torch.tensor([[0, 1]]))[0, -1].exp()
    assert float(whole[2]) == pytest.approx(1)
    later = model.logprobs(torch.tensor([[3, 0, 1]]))[0, -1]
    torch.testing.assert_close(later, model.base.logprobs(torch.tensor([[3, 0, 1]]))[0, -1])


@pytest.mark.parametrize("config", CONFIGS, ids=IDS)
def test_without_counts_the_base_is_unchanged(config: ModelConfig) -> None:
    model = adapted(config)
    model.choose([], [])
    tokens = torch.from_numpy(TEXTS[1])[None]
    torch.testing.assert_close(model.logprobs(tokens), model.base.logprobs(tokens), rtol=0, atol=1e-6)


@pytest.mark.parametrize("config", CONFIGS, ids=IDS)
def test_it_reads_alike_at_once_and_step_by_step_and_sums_to_one(config: ModelConfig) -> None:
    model = learnt(config)
    assert np.isfinite(model.concentrations).any()
    tokens = torch.tensor([[0, 1, 1, 4, 0, 1, 3], [2, 2, 0, 0, 1, 0, 1]])
    lengths = torch.tensor([7, 4])
    at_once = model.logprobs(tokens, lengths)
    torch.testing.assert_close(
        at_once.double().logsumexp(-1)[0], torch.zeros(8, dtype=torch.float64), rtol=0, atol=1e-6
    )
    state = model.start(2)
    for place in range(7):
        torch.testing.assert_close(state.logprobs[0], at_once[0, place], rtol=0, atol=1e-6)
        if place <= 4:
            torch.testing.assert_close(state.logprobs[1], at_once[1, place], rtol=0, atol=1e-6)
        _, state = model.read(state, tokens[:, place : place + 1], (lengths > place).long())
    by_token = model.token_logprobs(tokens, lengths)
    expected = at_once[:, :-1].gather(2, tokens[:, :, None])[:, :, 0]
    torch.testing.assert_close(by_token[0], expected[0], rtol=0, atol=1e-5)
    reversed_rows = model.read(model.start(2), tokens[:, :3])[1].select([1, 0])
    after, _ = model.read(reversed_rows, tokens.flip(0)[:, 3:])
    torch.testing.assert_close(after.flip(0)[0], at_once[0, 4:], rtol=0, atol=1e-6)


@pytest.mark.parametrize("config", CONFIGS, ids=IDS)
def test_a_saved_model_is_the_same_model(config: ModelConfig, tmp_path: Path) -> None:
    model = learnt(config)
    model.save(tmp_path)
    again = model.config.build(VOCAB, START).load(tmp_path)
    tokens = torch.from_numpy(TEXTS[2])[None]
    assert torch.equal(again.logprobs(tokens), model.logprobs(tokens))
    assert again.cost() == model.cost()


def test_counts_of_another_vocabulary_are_refused() -> None:
    model = learnt(BigramConfig())
    tensors = model.tensors()
    with pytest.raises(BadWeights, match="pairs"):
        adapted(BigramConfig()).load_tensors({**tensors, "contexts.1": tensors["contexts.1"][:1]})


def test_held_out_text_is_better_predicted() -> None:
    model = adapted(NGramConfig(order=4))
    others = [np.tile([0, 1, 2], 10) for _ in range(4)]
    ones = [np.ones(30) for _ in others]
    model.count(others[:3], ones[:3])
    model.choose(others[3:], ones[3:])
    held_out = torch.from_numpy(others[3])[None]
    assert float(model.token_logprobs(held_out).sum()) > float(model.base.token_logprobs(held_out).sum()) + 20


def test_contexts_fit_into_63_bits() -> None:
    config = AdaptedConfig(UniformConfig(), Adaptation(8))
    base = NGramConfig(order=9).build(50_000, 0)
    assert Adapted(config, base).most_context == 4
