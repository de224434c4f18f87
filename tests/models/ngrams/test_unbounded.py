from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from models.checks import Impossible
from models.ngram import NGramConfig
from models.ngrams.suffix_array import MAX_CHAIN, SuffixArray, extend
from models.ngrams.unbounded import BASE_ORDER, UnboundedNGram, _bucket
from tests.models.ngrams.texts import random_documents, stream_of

START, VOCAB = 4, 6
# Documents that quote one another, so that long contexts come up again with one sequel or several.
QUOTES = random_documents(1, 4, 40, 4)
DOCUMENTS = [
    [*QUOTES[i % 4][: 10 + 3 * i], *noise, *QUOTES[(i + 1) % 4]]
    for i, noise in enumerate(random_documents(2, 12, 10, 4))
]
STREAM = stream_of(DOCUMENTS, START)
HELD_OUT = [torch.tensor([*QUOTES[1][3:], 0, 1, *QUOTES[2]]), torch.tensor(QUOTES[3][5:])]
TEXT = [1, *QUOTES[0][2:30], 3, START, *QUOTES[2][:20], 5, *QUOTES[1]]


def fit(smoothing: str = "modified_kneser_ney") -> UnboundedNGram:
    model = NGramConfig(order="inf", smoothing=smoothing).build(VOCAB, START)
    model.count(torch.tensor(STREAM))
    model.finish(HELD_OUT)
    assert isinstance(model, UnboundedNGram)
    return model


def plain_chain(history: list[int]) -> list[tuple[int, list[int]]]:
    """(length, what followed each occurrence), of the ends of a history that occur, by brute force."""
    if START in history:
        history = history[len(history) - 1 - history[::-1].index(START) :]
    chain: list[tuple[int, list[int]]] = []
    places = list(range(len(STREAM) + 1))
    for length in range(1, len(history) + 1):
        end = history[len(history) - length :]
        left = [place for place in places if place >= length and STREAM[place - length : place] == end]
        if not left:
            break
        if chain and left == places:
            chain.pop()
        places = left
        chain.append((length, [STREAM[place] for place in places if place < len(STREAM)]))
    return chain[: MAX_CHAIN - 1]


def chain_after(array: SuffixArray, text: list[int]) -> list[tuple[int, list[int]]]:
    chain = np.zeros((MAX_CHAIN, 3), np.int64)
    chain[0, 1] = len(array.followers)
    size = 1
    for token in [START, *text]:
        size = extend(array.rows_of, array.offsets, START, chain, size, token)
    return [
        (length, sorted(array.followers[begin:end][array.followers[begin:end] >= 0].tolist()))
        for begin, end, length in chain[1:size].tolist()
    ]


@pytest.mark.parametrize("stream", [STREAM, [START], [START, START, START], [START, *[0] * 70]])
def test_the_text_can_be_read_back(stream: list[int]) -> None:
    array = SuffixArray.of(np.array(stream, np.int32), VOCAB)
    assert array.text().tolist() == stream


def test_a_chain_is_what_occurs_of_a_history() -> None:
    array = SuffixArray.of(np.array(STREAM, np.int32), VOCAB)
    for end in range(len(TEXT)):
        expected = [(length, sorted(followers)) for length, followers in plain_chain([START, *TEXT[:end]])]
        assert chain_after(array, TEXT[:end]) == expected
    assert max(length for length, _ in plain_chain([START, *TEXT])) > 20


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


def test_what_cant_be_had_is_refused() -> None:
    with pytest.raises(Impossible, match="validation text"):
        NGramConfig(order="inf").build(VOCAB, START).finish([])
    model = NGramConfig(order="inf").build(VOCAB, START)
    model.count(torch.tensor(STREAM))
    with pytest.raises(Impossible, match="keeps its whole text"):
        model.finish(HELD_OUT, num_params=50)
