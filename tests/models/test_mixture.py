from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from models.checking.trial import MARKOV, fit
from models.checks import BadWeights, Impossible
from models.mixture import expectation_maximisation
from models.settings.mixture import MixtureConfig
from models.settings.ngram import NGramConfig
from models.settings.unigram import UnigramConfig
from tests.models.families import tiny_config


def test_the_weights_are_those_that_a_general_optimiser_finds() -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.beta(0.5, 3.0, (4, 3_000))
    weights = expectation_maximisation(torch.from_numpy(probabilities)).numpy()

    def loss(logits: np.ndarray) -> float:
        weights = np.exp(logits - logits.max())
        return -float(np.log(weights / weights.sum() @ probabilities).mean())

    best = minimize(loss, np.zeros(4), method="BFGS", options={"gtol": 1e-10})
    expected = np.exp(best.x - best.x.max())
    np.testing.assert_allclose(weights, expected / expected.sum(), atol=1e-5)
    assert weights.sum() == pytest.approx(1)


def test_a_mixture_is_the_weighted_sum_of_its_members() -> None:
    model = fit(tiny_config("mixture"), MARKOV)
    tokens = MARKOV.stream[None, 1:40]
    members = torch.stack([member.logprobs(tokens).exp().double() for member in model.members.values()])
    expected = torch.einsum("m,mbtv->btv", model.weights, members)
    torch.testing.assert_close(model.logprobs(tokens).exp().double(), expected, atol=1e-6, rtol=0)
    assert (model.weights > 0).all()


def test_a_mixture_is_at_least_as_good_as_each_member_where_its_weights_were_chosen() -> None:
    model = fit(tiny_config("mixture"), MARKOV)
    documents = [MARKOV.stream[:50], MARKOV.stream[50:120]]

    def nats(one: object) -> float:
        return -sum(float(one.token_logprobs(document[None]).double().sum()) for document in documents)

    assert nats(model) <= min(map(nats, model.members.values())) + 1e-3


def test_a_member_that_gives_zeros_may_be_mixed_in() -> None:
    config = MixtureConfig({"zeros": NGramConfig(order=3, smoothing="maximum_likelihood"), "floor": UnigramConfig()})
    assert fit(config, MARKOV).token_logprobs(MARKOV.stream[None, 1:]).isfinite().all()


def test_a_member_whose_scores_are_no_probabilities_is_refused() -> None:
    config = MixtureConfig({"scores": NGramConfig(order=3, smoothing="stupid_backoff"), "floor": UnigramConfig()})
    with pytest.raises(Impossible, match=r"can't use members\.scores: smoothing=stupid_backoff"):
        fit(config, MARKOV)


def test_without_held_out_text_there_are_no_weights() -> None:
    model = tiny_config("mixture").build(5, 4)
    with pytest.raises(Impossible, match="validation text"):
        model.tune([torch.zeros(0, dtype=torch.int64)])


@pytest.mark.parametrize(
    ("name", "values"),
    [("weights", [1.0]), ("weights", [0.5, float("nan")])],
)
def test_weights_that_are_not_its_own_are_refused(name: str, values: list[float]) -> None:
    model = tiny_config("mixture").build(5, 4)
    with pytest.raises(BadWeights, match=f"the array '{name}'"):
        model.load_own_tensors({name: torch.tensor(values, dtype=torch.float64)})
