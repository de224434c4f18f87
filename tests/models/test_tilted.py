"""A log-linear correction above a model: by hand, and as every model must be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from models.checks import BadWeights
from models.language_model import CountingModel, LanguageModel, ModelConfig
from models.settings.gru import GRUConfig
from models.settings.ngram import NGramConfig
from models.settings.tilted import Correction, TiltedConfig
from models.settings.transformer import TransformerConfig
from models.settings.uniform import UniformConfig
from models.tilted import Tilted

VOCAB, START = 5, 4
TEXTS = [np.random.default_rng(seed).integers(0, 4, 40) for seed in range(6)]
CONFIGS = {
    "uniform": UniformConfig(),
    "ngram": NGramConfig(order=4),
    "gru": GRUConfig(d_model=8),
    "transformer": TransformerConfig(context_length=6, d_model=8, num_heads=2),
}
each_config = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)


def base_of(config: ModelConfig) -> LanguageModel:
    torch.manual_seed(0)
    model = config.build(VOCAB, START).on(torch.device("cpu"))
    if isinstance(model, CountingModel):
        model.count(torch.from_numpy(np.concatenate([np.concatenate([[START], text]) for text in TEXTS])))
        model.finish([torch.from_numpy(TEXTS[0])])
    return model


def tilted(config: ModelConfig, correction: Correction | None = None) -> Tilted:
    """With a random correction."""
    model = Tilted(TiltedConfig(base=config, correction=correction or Correction()), base_of(config))
    torch.manual_seed(1)
    torch.nn.init.normal_(model.theta)
    return model


def test_the_sum_of_a_context_s_numbers_by_hand() -> None:
    model = tilted(NGramConfig(order=4), Correction(most_context=2))
    assert model.sizes == [1, 5, 25]
    base = model.base.logprobs(torch.tensor([[2, 0]]))[0]
    theta = model.theta.detach()
    of_contexts = [
        theta[0] + theta[1 + START],  # before the first token the start token is all
        theta[0] + theta[1 + 2] + theta[6 + 2 + 5 * START],
        theta[0] + theta[1 + 0] + theta[6 + 0 + 5 * 2],
    ]
    expected = torch.stack([(base[place] + of_contexts[place]).log_softmax(-1) for place in range(3)])
    torch.testing.assert_close(model.logprobs(torch.tensor([[2, 0]]))[0], expected)


def test_contexts_that_are_too_many_share_rows() -> None:
    model = tilted(NGramConfig(order=4), Correction(most_context=3, num_slots=7))
    assert model.sizes == [1, 5, 7, 7]
    rows = model._rows(np.array([[0, 0], [4, 2], [24, 3], [124, -1]]))
    assert rows[:2].tolist() == [[0, 0], [5, 3]]
    assert 6 <= rows[2].min() <= rows[2].max() < 13 <= rows[3, 0] < 20
    assert rows[3, 1] == -1


def test_it_looks_no_further_than_its_base() -> None:
    assert tilted(UniformConfig()).sizes == [1]
    assert tilted(NGramConfig(order=3)).sizes == [1, 5, 25]


@each_config
def test_without_a_correction_the_base_is_unchanged(config: ModelConfig) -> None:
    model = Tilted(TiltedConfig(base=config), base_of(config))
    tokens = torch.from_numpy(TEXTS[1])[None]
    torch.testing.assert_close(model.logprobs(tokens), model.base.logprobs(tokens), rtol=0, atol=1e-6)


@each_config
def test_it_reads_alike_at_once_and_step_by_step_and_in_training(config: ModelConfig) -> None:
    model = tilted(config)
    tokens, lengths = torch.tensor([[0, 1, 1, 2], [2, 3, 0, 0]]), torch.tensor([4, 2])
    at_once = model.logprobs(tokens, lengths)
    torch.testing.assert_close(at_once.logsumexp(-1)[0], torch.zeros(5), rtol=0, atol=1e-5)
    state = model.start(2)
    for place in range(4):
        torch.testing.assert_close(state.logprobs[0], at_once[0, place], rtol=0, atol=1e-5)
        if place <= 2:
            torch.testing.assert_close(state.logprobs[1], at_once[1, place], rtol=0, atol=1e-5)
        _, state = model.read(state, tokens[:, place : place + 1], (lengths > place).long())
    opened = torch.cat([torch.full((2, 1), START), tokens], dim=1)
    trained = model(opened)[0].log_softmax(-1)
    torch.testing.assert_close(trained[0], at_once[0], rtol=0, atol=1e-5)
    torch.testing.assert_close(trained[1, :3], at_once[1, :3], rtol=0, atol=1e-5)


@each_config
def test_only_the_correction_learns_and_it_is_saved_with_its_base(config: ModelConfig, tmp_path: Path) -> None:
    model = tilted(config)
    before = {name: value.clone() for name, value in model.base.tensors().items()}
    optimizer = torch.optim.Adam([each for group in model.parameter_groups() for each in group.parameters], 0.1)
    model(torch.tensor([[START, 0, 1, 2]]))[0].log_softmax(-1)[..., 3].sum().backward()
    optimizer.step()
    assert all(torch.equal(value, before[name]) for name, value in model.base.tensors().items())
    model.save(tmp_path)
    again = model.config.build(VOCAB, START).load(tmp_path)
    tokens = torch.from_numpy(TEXTS[2])[None]
    assert torch.equal(again.logprobs(tokens), model.logprobs(tokens))
    assert again.cost() == model.cost()


def test_a_table_of_another_size_is_refused() -> None:
    model = tilted(NGramConfig(order=3))
    with pytest.raises(BadWeights, match="theta"):
        model.load_tensors({**model.tensors(), "theta": torch.zeros(3, VOCAB)})


def test_its_gradient_is_that_of_log_probabilities() -> None:
    """d log p(w | h) / d theta[h, v] is [v = w] - p(v | h)."""
    model = tilted(NGramConfig(order=4), Correction(most_context=1))
    logprobs = model(torch.tensor([[START, 2]]))[0].log_softmax(-1)
    logprobs[0, 1, 3].backward()  # type: ignore[no-untyped-call]
    expected = torch.nn.functional.one_hot(torch.tensor(3), VOCAB) - logprobs[0, 1].exp()
    assert model.theta.grad is not None
    torch.testing.assert_close(model.theta.grad[1 + 2], expected.detach())
    torch.testing.assert_close(model.theta.grad[0], expected.detach())
