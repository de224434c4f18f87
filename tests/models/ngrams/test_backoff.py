"""A back-off model with all numbers written by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from models.ngrams.backoff import BackoffModel, logprob_after
from models.ngrams.trie import ROOT, Trie

# Tokens 0, 1, 2 with 0.5, 0.3, 0.2; after 0 comes 1 with 0.6; after 1 come 0 with 0.2 and 2 with 0.5.
UNIGRAM = [0.5, 0.3, 0.2]
PAIRS = {(0, 1): 0.6, (1, 0): 0.2, (1, 2): 0.5}
WEIGHTS = {0: 0.4 / 0.7, 1: 0.3 / 0.3, 2: 1.0}
TRIE = Trie.of(
    np.array([-1, 0, 1, 2, 1, 0, 2], np.int32), np.array([1, 4, 5, 7, 7], np.int32), level_begins=[0, 1, 4, 7]
)
MODEL = BackoffModel(
    TRIE,
    np.log([1 / 3, *UNIGRAM, *PAIRS.values()]),
    np.log([1.0, *WEIGHTS.values()]),
)


def by_hand(before: int | None, token: int) -> float:
    if before is None:
        return UNIGRAM[token]
    return PAIRS.get((before, token), WEIGHTS[before] * UNIGRAM[token])


def test_every_probability_is_that_by_hand_and_they_sum_to_one() -> None:
    distributions = np.exp(MODEL.distributions(np.arange(3), np.float64))
    np.testing.assert_allclose(distributions[1], [by_hand(0, token) for token in range(3)])
    np.testing.assert_allclose(distributions[2], [by_hand(1, token) for token in range(3)])
    np.testing.assert_allclose(distributions[0], UNIGRAM)
    np.testing.assert_allclose(distributions.sum(axis=1), 1)
    for context, token in itertools.product(range(3), range(3)):
        single = logprob_after(
            TRIE.tokens, TRIE.first_child, TRIE.suffix, MODEL.logprobs, MODEL.log_backoffs, context, token
        )
        assert np.exp(single) == pytest.approx(distributions[context, token])


def test_a_text_is_scored_token_by_token_and_past_its_length_is_zero() -> None:
    texts = list(itertools.product(range(3), repeat=4))
    lengths = np.array([number % 5 for number in range(len(texts))])
    scores = MODEL.score(np.zeros(len(texts), np.int64), np.array(texts), lengths)
    for text, length, row in zip(texts, lengths, scores, strict=True):
        pairs = zip((None, *text), text[:length], strict=False)
        assert np.exp(row[:length]) == pytest.approx([by_hand(before, token) for before, token in pairs], rel=1e-6)
        assert not row[length:].any()


def test_the_context_after_a_token_is_what_matters_of_the_past() -> None:
    # Nothing follows 2, so it is forgotten at once.
    assert [MODEL.context_after(ROOT, token) for token in range(3)] == [1, 2, ROOT]
    assert MODEL.contexts_after(np.array([ROOT]), np.array([[0, 1, 2, 0]])).tolist() == [[1, 2, ROOT, 1]]


def test_its_parameters_are_the_ngrams_and_the_weights_of_contexts() -> None:
    assert MODEL.num_params == 6 + 2
