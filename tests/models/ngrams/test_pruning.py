"""Pruned n-grams, compared with the cross-entropy before and after."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from models.checks import Impossible
from models.ngrams.backoff import BackoffModel
from models.ngrams.pruning import entropy_rises, prune
from models.ngrams.trie import ROOT
from tests.models.ngrams.texts import fit, random_documents, stream_of

START, VOCAB = 4, 6
STREAM = stream_of(random_documents(5, 30, 30, 4), START)


def model_of(order: int, **options: Any) -> BackoffModel:
    return fit(STREAM, VOCAB, START, order=order, smoothing="witten_bell", **options).backoff_model


def even_shares(model: BackoffModel) -> np.ndarray:
    return np.full(model.trie.num_inner, 1 / model.trie.num_inner)


def test_a_rise_is_the_divergence_of_the_context_s_distribution_without_the_pair() -> None:
    model = model_of(2)
    trie, shares = model.trie, even_shares(model_of(2))
    rises = entropy_rises(model, shares)
    before = np.exp(model.distributions(np.arange(trie.num_inner), np.float64))
    for context in range(1, trie.num_inner):
        children = list(range(trie.first_child[context], trie.first_child[context + 1]))
        for left_out in children:
            stays = [int(trie.tokens[child]) for child in children if child != left_out]
            after = before[ROOT].copy()
            gone = np.setdiff1d(np.arange(VOCAB), stays)
            after[stays] = before[context][stays]
            after[gone] *= (1 - before[context][stays].sum()) / before[ROOT][gone].sum()
            divergence = (before[context] * np.log(before[context] / after)).sum()
            assert rises[left_out] == pytest.approx(shares[context] * divergence, abs=1e-12)
    assert np.isinf(rises[: trie.level_begins[2]]).all()


@pytest.mark.parametrize("num_params", [15, 30, 60])
def test_a_parameter_budget_is_kept_to_and_distributions_still_sum_to_one(num_params: int) -> None:
    model = model_of(3)
    smaller = prune(model, even_shares(model), num_params=num_params)
    assert model.num_params > num_params >= smaller.num_params
    distributions = np.exp(smaller.distributions(np.arange(smaller.trie.num_inner), np.float64))
    np.testing.assert_allclose(distributions.sum(axis=1), 1, atol=1e-9)


def test_a_higher_threshold_leaves_out_more_and_none_leaves_all() -> None:
    model = model_of(3)
    sizes = [prune(model, even_shares(model), threshold).num_params for threshold in (0.0, 1e-4, 1e-3, 1.0)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == model.num_params
    assert sizes[-1] == VOCAB
    assert prune(model, even_shares(model), num_params=model.num_params) is model


def test_a_cut_off_leaves_out_what_is_as_rare_as_it_says() -> None:
    cut = model_of(2, cutoffs=[0, 2]).trie
    pairs = list(itertools.pairwise(STREAM))
    expected = {pair for pair in pairs if pairs.count(pair) > 2}
    parents = np.repeat(np.arange(cut.num_inner), np.diff(cut.first_child))
    kept = {(int(cut.tokens[parents[node - 1]]), int(cut.tokens[node])) for node in range(*cut.level_begins[2:4])}
    assert kept == expected


def test_fewer_parameters_than_single_tokens_are_refused() -> None:
    model = model_of(3)
    with pytest.raises(Impossible, match="vocabulary's 6 tokens alone"):
        prune(model, even_shares(model), num_params=VOCAB - 1)
