"""A view of a model whose scores aren't probabilities as one that gives them."""

from __future__ import annotations

import torch

from models.checking.trial import MARKOV, fit
from models.normalised import NormalisedModel, normalised
from tests.models.families import tiny_config

BACKOFF = fit(tiny_config("ngram", smoothing="stupid_backoff"), MARKOV)
TOKENS = torch.randint(0, MARKOV.start_token, (3, 12), generator=torch.Generator().manual_seed(0))


def test_each_row_is_the_model_s_scores_divided_by_their_sum() -> None:
    scores = BACKOFF.logprobs(TOKENS).double().exp()
    assert float((scores.sum(dim=-1) - 1).abs().max()) > 0.05
    shares = (scores / scores.sum(dim=-1, keepdim=True)).log().float()
    view = normalised(BACKOFF)
    assert view.why_no_distribution is None
    torch.testing.assert_close(view.logprobs(TOKENS), shares)
    torch.testing.assert_close(view.token_logprobs(TOKENS), shares[:, :-1].gather(2, TOKENS[:, :, None])[:, :, 0])
    state = view.start(3)
    for place in range(12):
        torch.testing.assert_close(state.logprobs, shares[:, place])
        _, state = view.read(state, TOKENS[:, place : place + 1])
    torch.testing.assert_close(state.select([2, 0]).logprobs, shares[[2, 0], -1])


def test_a_model_that_gives_distributions_is_left_as_it_is() -> None:
    for family in ("ngram", "lstm"):
        model = fit(tiny_config(family), MARKOV)
        assert normalised(model) is model
    view = normalised(BACKOFF)
    assert isinstance(view, NormalisedModel)
    assert normalised(view) is view


def test_everything_else_is_the_model_s_own() -> None:
    view = normalised(BACKOFF)
    assert (view.config, view.vocab_size, view.start_token) == (BACKOFF.config, MARKOV.size, MARKOV.start_token)
    assert (view.context_length, view.window_length) == (BACKOFF.context_length, BACKOFF.window_length)
    assert view.cost() == BACKOFF.cost()
    assert view.tensors().keys() == BACKOFF.tensors().keys()
