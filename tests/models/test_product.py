from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from models.checking.trial import MARKOV, fit
from models.checks import BadWeights, Impossible
from models.settings.ngram import NGramConfig
from models.settings.product import ProductConfig
from models.settings.unigram import UnigramConfig
from tests.models.families import tiny_config


def test_the_exponents_are_those_that_a_general_optimiser_finds() -> None:
    model = fit(tiny_config("product"), MARKOV)
    documents = [MARKOV.stream[:50], MARKOV.stream[50:120]]
    evidence = [
        (np.stack([member.logprobs(d[None])[0, :-1].double().numpy() for member in model.members.values()]), d.numpy())
        for d in documents
    ]

    def loss(exponents: np.ndarray) -> float:
        total = 0.0
        for logprobs, tokens in evidence:
            scores = np.einsum("m,mtv->tv", exponents, logprobs)
            normaliser = np.log(np.exp(scores).sum(axis=1))
            total -= float((scores[np.arange(len(tokens)), tokens] - normaliser).sum())
        return total / 120

    best = minimize(loss, np.full(2, 0.5), method="BFGS", options={"gtol": 1e-9})
    np.testing.assert_allclose(model.exponents.numpy(), best.x, atol=1e-4)
    assert loss(model.exponents.numpy()) <= min(loss(np.array([1.0, 0.0])), loss(np.array([0.0, 1.0])))


def test_a_product_is_the_normalised_product_of_powers() -> None:
    model = fit(tiny_config("product"), MARKOV)
    tokens = MARKOV.stream[None, 1:40]
    members = [member.logprobs(tokens).double().exp() for member in model.members.values()]
    expected = members[0] ** float(model.exponents[0]) * members[1] ** float(model.exponents[1])
    expected /= expected.sum(-1, keepdim=True)
    torch.testing.assert_close(model.logprobs(tokens).exp().double(), expected, atol=1e-6, rtol=0)


def test_a_member_that_gives_zeros_is_refused() -> None:
    config = ProductConfig({"zeros": NGramConfig(order=3, smoothing="maximum_likelihood"), "floor": UnigramConfig()})
    with pytest.raises(Impossible, match="some token no probability"):
        fit(config, MARKOV)


@pytest.mark.parametrize(
    ("name", "values"),
    [("exponents", [1.0]), ("exponents", [0.5, float("nan")])],
)
def test_weights_that_are_not_its_own_are_refused(name: str, values: list[float]) -> None:
    model = tiny_config("product").build(5, 4)
    with pytest.raises(BadWeights, match=f"the array '{name}'"):
        model.load_own_tensors({name: torch.tensor(values, dtype=torch.float64)})
