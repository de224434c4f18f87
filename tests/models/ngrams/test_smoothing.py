from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from models.ngram import NGram
from models.ngrams.smoothing import FALLBACK_DISCOUNTS, _kneser_ney_discounts
from models.ngrams.trie import ROOT
from tests.models import plain_ngram as plain
from tests.models.ngrams.texts import fit, random_documents, stream_of

ORACLES: dict[str, type[plain.PlainNGram]] = {
    "modified_kneser_ney": plain.PlainKneserNey,
    "absolute_discounting": plain.PlainAbsolute,
    "witten_bell": plain.PlainWittenBell,
    "katz": plain.PlainKatz,
    "jelinek_mercer": plain.PlainJelinekMercer,
    "add_k": plain.PlainAddK,
    "stupid_backoff": plain.PlainStupidBackoff,
    "maximum_likelihood": plain.PlainMaximumLikelihood,
}
DISTRIBUTIONS = sorted(ORACLES.keys() - {"stupid_backoff"})
LEFT_OUT: list[dict[str, Any]] = [{}, {"cutoffs": [0, 0, 1]}, {"cutoffs": [0, 1, 2, 2]}, {"prune_threshold": 1e-6}]


@pytest.mark.parametrize("smoothing", sorted(ORACLES))
@pytest.mark.parametrize("order", [1, 2, 3, 5])
@pytest.mark.parametrize(("num_tokens", "num_documents", "longest"), [(1, 1, 12), (3, 6, 9), (4, 12, 30), (8, 40, 60)])
def test_every_probability_is_that_of_the_plain_implementation(
    smoothing: str, order: int, num_tokens: int, num_documents: int, longest: int
) -> None:
    # The vocabulary has two more tokens that training never sees.
    start, vocab_size = num_tokens, num_tokens + 3
    documents = random_documents(order * 100 + num_tokens, num_documents, longest, num_tokens)
    held_out = random_documents(1, 3, 40, num_tokens)
    options: dict[str, Any] = {"pseudo_count": 0.3, "backoff_factor": 0.4}
    model = fit(stream_of(documents, start), vocab_size, start, held_out, order=order, smoothing=smoothing, **options)
    oracle = ORACLES[smoothing](documents, order, vocab_size, start)
    if isinstance(oracle, plain.PlainAddK):
        oracle.k = 0.3
    if isinstance(oracle, plain.PlainStupidBackoff):
        oracle.factor = 0.4
    if isinstance(oracle, plain.PlainJelinekMercer):
        oracle.weights = model.parameters.tolist()

    rng = np.random.default_rng(0)
    text = rng.integers(0, vocab_size, 40).tolist() + documents[0][:10]
    expected = [
        [oracle.probability(token, (start, *text[:place])) for token in range(vocab_size)]
        for place in range(len(text) + 1)
    ]
    tokens = torch.tensor([text])
    np.testing.assert_allclose(model.logprobs(tokens)[0].exp().numpy(), expected, rtol=2e-6)
    scored = model.token_logprobs(tokens)[0].exp().numpy()
    np.testing.assert_allclose(scored, [row[token] for row, token in zip(expected, text, strict=False)], rtol=2e-6)


@pytest.mark.parametrize("left_out", LEFT_OUT, ids=str)
@pytest.mark.parametrize("smoothing", DISTRIBUTIONS)
def test_every_context_s_probabilities_sum_to_one_exactly(smoothing: str, left_out: dict[str, Any]) -> None:
    if smoothing == "maximum_likelihood" and "prune_threshold" in left_out:
        pytest.skip("refused")
    for num_tokens, order in ((3, 6), (11, 4)):
        documents = random_documents(num_tokens, 60, 80, num_tokens)
        model = fit(
            stream_of(documents, num_tokens),
            num_tokens + 2,
            num_tokens,
            random_documents(1, 3, 40, num_tokens),
            order=order,
            smoothing=smoothing,
            **left_out,
        )
        trie = model.backoff_model.trie
        assert trie.num_nodes > 30
        all_contexts = np.arange(trie.num_inner)
        distributions = model.backoff_model.distributions(all_contexts, np.float64)
        np.testing.assert_allclose(np.exp(distributions).sum(axis=1), 1, atol=1e-9, rtol=0)


def test_stupid_backoff_says_that_it_is_no_distribution() -> None:
    documents = random_documents(0, 20, 30, 4)
    for smoothing in ORACLES:
        model = fit(stream_of(documents, 4), 6, 4, [[1, 2]], order=3, smoothing=smoothing)
        assert (model.why_no_distribution is not None) == (smoothing == "stupid_backoff")


@pytest.mark.parametrize(
    ("counts_of_counts", "expected"),
    [
        ((0, 5, 5, 5), FALLBACK_DISCOUNTS),
        ((5, 0, 5, 5), FALLBACK_DISCOUNTS),
        ((5, 5, 0, 5), FALLBACK_DISCOUNTS),
        # n3 so large that D2 would be below zero.
        ((10, 10, 100, 1), FALLBACK_DISCOUNTS),
        # y = 8/16: D1 = 1 - 2 * 4/8 * y, D2 = 2 - 3 * 2/4 * y, D3 = 3 - 4 * 1/2 * y.
        ((8, 4, 2, 1), (0.5, 1.25, 2.0)),
        ((8, 4, 2, 0), (0.5, 1.25, 3.0)),
    ],
)
def test_discounts_follow_chen_and_goodman(counts_of_counts: tuple[int, ...], expected: tuple[float, ...]) -> None:
    assert _kneser_ney_discounts(*counts_of_counts) == pytest.approx(expected)


def nats(model: NGram, documents: list[list[int]]) -> float:
    return -sum(float(model.token_logprobs(torch.tensor([document])).double().sum()) for document in documents)


def test_jelinek_mercer_weights_are_the_best_for_held_out_text() -> None:
    documents, held_out = random_documents(2, 50, 60, 6), random_documents(3, 40, 60, 6)
    model = fit(stream_of(documents, 6), 7, 6, held_out, order=3, smoothing="jelinek_mercer")
    oracle = plain.PlainJelinekMercer(documents, 3, 7, 6)
    cases = [[(document[place], (6, *document[:place])) for place in range(len(document))] for document in held_out]

    def loss(logits: np.ndarray) -> float:
        weights = 1 / (1 + np.exp(-logits.reshape(3, -1)))
        oracle.weights = weights.tolist()
        likelihood = sum(math.log(oracle.probability(*one)) for document in cases for one in document)
        # The two pseudo-observations of each weight, as a prior.
        return -likelihood - float(np.log(weights).sum() + np.log(1 - weights).sum())

    weights = np.log(model.parameters / (1 - model.parameters)).ravel()
    start = loss(weights)
    used = np.flatnonzero(np.abs(weights) > 1e-9)
    rng = np.random.default_rng(0)
    for _ in range(40):
        moved = weights.copy()
        moved[used] += rng.normal(scale=0.1, size=len(used))
        assert loss(moved) > start
    assert len(used) >= 5
    assert minimize is not None


@pytest.mark.parametrize("smoothing", ["add_k", "maximum_likelihood"])
def test_probabilities_equal_nltk_s(smoothing: str) -> None:
    nltk_lm = pytest.importorskip("nltk.lm")
    order, start = 3, 6
    documents = random_documents(7, 30, 50, 6)
    model = fit([*stream_of(documents, start), start], 7, start, order=order, smoothing=smoothing, pseudo_count=0.2)
    theirs = nltk_lm.Lidstone(0.2, order) if smoothing == "add_k" else nltk_lm.MLE(order)
    sentences = [["<s>"] * (order - 1) + [str(token) for token in document] + ["E"] for document in documents]
    grams = [
        [tuple(sentence[i : i + n]) for n in range(1, order + 1) for i in range(len(sentence) - n + 1)]
        for sentence in sentences
    ]
    theirs.fit(grams, [*map(str, range(6)), "E"])
    context_model = model.backoff_model
    for a in range(6):
        for b in range(6):
            context = context_model.contexts_after(np.array([ROOT]), np.array([[a, b]]))[0, -1:]
            ours = np.exp(context_model.distributions(context, np.float64))[0]
            if smoothing == "maximum_likelihood" and not theirs.context_counts((str(a), str(b))):
                continue
            expected = [theirs.score(word, [str(a), str(b)]) for word in [*map(str, range(6)), "E"]]
            # theirs holds <UNK> in its vocabulary as well
            if smoothing == "add_k":
                total = theirs.context_counts((str(a), str(b))).N()
                expected = [p * (total + 0.2 * 8) / (total + 0.2 * 7) for p in expected]
            np.testing.assert_allclose(ours, expected, rtol=1e-9)
