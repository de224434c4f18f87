from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from models.checks import Impossible
from models.ngrams.unbounded import BASE_ORDER, UnboundedNGram, _bucket
from models.settings.ngram import NGramConfig
from tests.models.ngrams.quotations import QUOTES, START, STREAM, TEXT, VOCAB, plain_chain

HELD_OUT = [torch.tensor([*QUOTES[1][3:], 0, 1, *QUOTES[2]]), torch.tensor(QUOTES[3][5:])]


def fit(smoothing: str = "modified_kneser_ney") -> UnboundedNGram:
    model = NGramConfig(order="inf", smoothing=smoothing).build(VOCAB, START)
    model.count(torch.tensor(STREAM))
    model.finish(HELD_OUT)
    assert isinstance(model, UnboundedNGram)
    return model


@pytest.mark.parametrize("smoothing", ["modified_kneser_ney", "katz", "stupid_backoff", "maximum_likelihood"])
def test_every_probability_is_that_of_the_plain_implementation(smoothing: str) -> None:
    model = fit(smoothing)
    below = model.base.logprobs(torch.tensor([TEXT]))[0].double().exp().numpy()
    expected = below.copy()
    for place in range(len(TEXT) + 1):
        for length, followers in plain_chain([START, *TEXT[:place]]):
            if length < BASE_ORDER or not followers:
                continue
            shares = np.bincount(followers, minlength=VOCAB) / len(followers)
            if smoothing == "maximum_likelihood":
                expected[place] = shares
            elif smoothing == "stupid_backoff":
                expected[place] = np.where(shares > 0, shares, 0.4 * expected[place])
            else:
                weight = model.weights[_bucket(length, len(followers), len(set(followers)))]
                expected[place] = weight * shares + (1 - weight) * expected[place]
    assert np.abs(expected - below).max() > 0.1
    ours = model.logprobs(torch.tensor([TEXT]))[0].double().exp().numpy()
    np.testing.assert_allclose(ours, expected, atol=1e-6)
    scored = model.token_logprobs(torch.tensor([TEXT]))[0].double().exp().numpy()
    np.testing.assert_allclose(scored, expected[np.arange(len(TEXT)), TEXT], atol=1e-6)


def test_step_by_step_in_pieces_and_from_a_file_are_the_same(tmp_path: Path) -> None:
    model = fit()
    tokens = torch.tensor([TEXT, TEXT[::-1]])
    whole = model.logprobs(tokens)
    model.save(tmp_path)
    again = model.config.build(VOCAB, START).load(tmp_path)
    assert torch.equal(again.logprobs(tokens), whole)
    state = model.start(2)
    for place in range(len(TEXT)):
        after, state = model.read(state, tokens[:, place : place + 1])
        assert torch.equal(after[:, 0], whole[:, place + 1])
    lengths = torch.tensor([9, 30])
    _, ragged = model.read(model.start(2), tokens, lengths)
    swapped = ragged.select([1, 0])
    assert torch.equal(swapped.logprobs, torch.stack([whole[1, 30], whole[0, 9]]))
    more, _ = model.read(swapped, tokens[:, :5])
    expected = model.logprobs(torch.tensor([[*TEXT[:9], *TEXT[::-1][:5]]]))[0, 10:]
    assert torch.equal(more[1], expected)


def test_held_out_quotations_cost_less_than_with_an_order() -> None:
    model = fit()
    text = torch.tensor([QUOTES[1]])
    assert -float(model.token_logprobs(text).sum()) < -float(model.base.token_logprobs(text).sum()) - 1


def test_counting_can_go_on() -> None:
    model = fit()
    model.count(torch.tensor([START, 0, 1, 2, 3]))
    model.finish(HELD_OUT)
    other = NGramConfig(order="inf").build(VOCAB, START)
    other.count(torch.tensor([*STREAM, START, 0, 1, 2, 3]))
    other.finish(HELD_OUT)
    assert torch.equal(model.logprobs(torch.tensor([TEXT])), other.logprobs(torch.tensor([TEXT])))


def test_impossible_requests_are_refused() -> None:
    with pytest.raises(Impossible, match="validation text"):
        NGramConfig(order="inf").build(VOCAB, START).finish([])
    model = NGramConfig(order="inf").build(VOCAB, START)
    model.count(torch.tensor(STREAM))
    with pytest.raises(Impossible, match="stores its whole text"):
        model.finish(HELD_OUT, num_params=50)


def test_counts_of_long_contexts_are_those_of_the_text() -> None:
    model = fit()
    text, checked = QUOTES[0][:40], 0
    for position, parts in enumerate(model.inner(torch.tensor(text)).evidence):
        for part in parts:
            if part.count is None:
                continue  # of the n-gram model below, which kept no counts
            checked += 1
            size = len(part.context)
            after = [
                STREAM[at + size] for at in range(len(STREAM) - size) if tuple(STREAM[at : at + size]) == part.context
            ]
            assert (part.count, part.total) == (after.count(text[position]), len(after))
    assert checked > 10
