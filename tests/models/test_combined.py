"""Properties of every combination of fitted models."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from models.checking.trial import MARKOV, fit, random_tokens
from models.checks import Impossible
from models.combined import CombinedModel
from models.gru import GRU
from models.settings.gru import GRUConfig
from models.settings.mixture import MixtureConfig
from models.settings.ngram import NGramConfig
from models.settings.recency_cache import CacheConfig
from models.settings.unigram import UnigramConfig

MEMBERS = {"pairs": NGramConfig(order=2), "letters": UnigramConfig()}
CONFIG = MixtureConfig(MEMBERS)


def fitted() -> CombinedModel:
    model = fit(CONFIG, MARKOV)
    assert isinstance(model, CombinedModel)
    return model


def test_it_costs_what_its_members_cost_together_and_its_weights() -> None:
    model = fitted()
    pairs, letters = (member.cost() for member in model.members.values())
    cost = model.cost()
    assert cost.num_params == pairs.num_params + letters.num_params + 2
    assert cost.model_bytes == pairs.model_bytes + letters.model_bytes + 2 * 8
    assert cost.flops_per_token == pairs.flops_per_token + letters.flops_per_token


def test_it_remembers_as_much_as_the_member_that_remembers_most() -> None:
    assert fitted().context_length == 1
    # START, and one token before each: the bigram's
    assert fitted().num_context_tokens(4).tolist() == fitted().members["pairs"].num_context_tokens(4).tolist()


def test_saved_it_stands_alone(tmp_path: Path) -> None:
    model, tokens = fitted(), random_tokens(MARKOV.size, 2, 20)
    model.save(tmp_path)
    again = CONFIG.build(MARKOV.size, MARKOV.start_token).load(tmp_path)
    assert torch.equal(again.logprobs(tokens), model.logprobs(tokens))
    assert {name.partition("/")[0] for name in model.tensors()} == {"pairs", "letters", "weights"}


def test_where_it_goes_its_members_go_too(tmp_path: Path) -> None:
    config = CacheConfig({"base": MixtureConfig({"net": GRUConfig(d_model=4), "letters": UnigramConfig()})})
    fit(config, MARKOV).save(tmp_path)
    again = config.build(MARKOV.size, MARKOV.start_token).load(tmp_path)
    assert isinstance(again, CombinedModel)
    inner = again.members["base"]
    assert isinstance(inner, CombinedModel)
    net = inner.members["net"]
    assert isinstance(net, GRU)
    assert net.training
    assert again.on(torch.device("cpu")) is again
    assert not net.training


def test_the_states_of_members_are_chosen_together() -> None:
    model, tokens = fitted(), random_tokens(MARKOV.size, 3, 5)
    _, state = model.read(model.start(3), tokens)
    chosen = state.select([2, 0])
    more = random_tokens(MARKOV.size, 2, 4, seed=2)
    after, _ = model.read(chosen, more)
    whole = model.logprobs(torch.cat([tokens[[2, 0]], more], dim=1))
    torch.testing.assert_close(after, whole[:, 6:])


def test_held_out_distributions_are_the_members_own_as_far_as_memory_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    model = fitted()
    documents = [torch.tensor([1, 2, 3]), torch.tensor([], dtype=torch.int64), torch.tensor([4, 5, 6, 7])]
    monkeypatch.setattr("models.combined._MAX_VALUES", 5 * 2 * MARKOV.size)
    parts = list(model.held_out_distributions(documents))
    assert [tokens.tolist() for _, tokens in parts] == [[1, 2, 3], [4, 5]]
    for logprobs, tokens in parts:
        for own, member in zip(logprobs, model.members.values(), strict=True):
            torch.testing.assert_close(own, member.logprobs(tokens[None])[0, :-1])


def test_a_member_without_probabilities_is_refused() -> None:
    config = MixtureConfig({"scores": NGramConfig(smoothing="stupid_backoff"), "letters": UnigramConfig()})
    with pytest.raises(Impossible, match=r"members\.scores"):
        config.build(5, 4).check_members()
