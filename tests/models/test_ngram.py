from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from models.settings.ngram import NGramConfig
from tests.models.ngrams.texts import fit, random_documents, stream_of


def test_a_hand_counted_bigram() -> None:
    # Documents: a a b, and b a. START = 2.
    model = fit([2, 0, 0, 1, 2, 1, 0], vocab_size=3, start=2, order=2)
    # Tokens before a: START, a, b; before b: START, a; before START: b. So a 3, b 2, START 1, in all 6; and with one
    # count of each kind y = 1/3, D1 = 1 - 2y, D2 = 2 - 3y, D3 = 3.
    taken = 3 + 1 + 1 / 3
    a, b, start = ((count - discount) / 6 + taken / 6 / 3 for count, discount in ((3, 3), (2, 1), (1, 1 / 3)))
    # After a: a and b, once each. All pairs occur once: the fallback discount of 0.5.
    expected = [0.5 / 2 + 0.5 * a, 0.5 / 2 + 0.5 * b, 0.5 * start]
    assert model.logprobs(torch.tensor([[0]]))[0, 1].exp().tolist() == pytest.approx(expected, rel=1e-6)
    # 3 unigrams; START-a, START-b, a-a, a-b, b-START, b-a; contexts START, a, b.
    assert model.cost().num_params == 3 + 6 + 3


def test_no_context_reaches_past_the_start_token() -> None:
    start = 4
    rng = np.random.default_rng(0)
    documents = [rng.integers(0, 4, 20).tolist() for _ in range(20)]
    model = fit(stream_of(documents, start), 5, start, order=5)
    whole = model.logprobs(torch.tensor([[1, 2, 3, start, 0, 1]]))
    fresh = model.logprobs(torch.tensor([[0, 1]]))
    assert torch.equal(whole[:, 4:], fresh)


def test_a_stream_without_a_start_token_is_refused() -> None:
    with pytest.raises(ValueError, match="not the start token 4"):
        NGramConfig().build(5, 4).count(torch.tensor([1, 2]))


def test_a_model_that_counted_nothing_but_a_start_token_is_uniform() -> None:
    model = fit([4], 5, 4, order=3)
    assert model.start().logprobs[0].tolist() == pytest.approx([-math.log(5)] * 5)


def test_an_order_longer_than_every_document_works() -> None:
    model = fit([3, 0, 1, 3, 1], 4, 3, order=20)
    logprobs = model.logprobs(torch.tensor([[0, 1, 3, 1, 2]]))
    torch.testing.assert_close(logprobs.exp().sum(-1), torch.ones(1, 6), atol=1e-6, rtol=0)


@pytest.mark.parametrize("order", [1, 2, 4])
def test_a_long_text_scored_in_pieces_by_several_threads_is_scored_the_same(
    order: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    model = fit([5, *rng.integers(0, 6, 3_000)], 6, 5, order=order).backoff_model
    tokens, lengths = rng.integers(0, 6, (3, 500)), np.array([500, 0, 77])
    contexts = np.array([model.context_after(0, 5), 0, 0])
    whole = model.score(contexts, tokens, lengths)
    monkeypatch.setattr("models.ngrams.backoff._PIECE", 13)
    assert np.array_equal(model.score(contexts, tokens, lengths, num_threads=3), whole)


@pytest.fixture(scope="module")
def tiny_shakespeare(reference_data: Path) -> tuple[np.ndarray, np.ndarray]:
    """nanoGPT's split, as ids of the 65 characters; 65 is the start token."""
    text = np.array(list((reference_data / "tinyshakespeare.txt").read_text(encoding="utf-8")))
    ids = np.unique(text, return_inverse=True)[1]
    cut = int(0.9 * len(ids))
    return np.concatenate([[65], ids[:cut]]), ids[cut:]


@pytest.mark.parametrize(("order", "nats_per_char"), [(3, 2.038), (4, 1.719), (5, 1.561), (6, 1.523), (7, 1.5165)])
def test_tiny_shakespeare_costs_what_others_measured(
    tiny_shakespeare: tuple[np.ndarray, np.ndarray], order: int, nats_per_char: float
) -> None:
    train, validation = tiny_shakespeare
    model = fit(train, 66, 65, order=order)
    tokens = torch.from_numpy(validation)[None]
    scored = model.token_logprobs(tokens)
    assert -float(scored.double().mean()) == pytest.approx(nats_per_char, rel=1e-3)
    read = model.logprobs(tokens[:, :5_000])[:, :-1].gather(2, tokens[:, :5_000, None])[:, :, 0]
    torch.testing.assert_close(read, scored[:, :5_000], atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", ["char.5", "word.3"])
def test_counts_discounts_and_line_totals_are_those_of_kenlm(reference_data: Path, name: str) -> None:
    kenlm = json.loads((reference_data / "kenlm" / f"{name}.json").read_text(encoding="utf-8"))
    text = (reference_data / "tinyshakespeare.txt").read_text(encoding="utf-8")
    cut = text.rindex("\n", 0, int(0.9 * len(text))) + 1
    split = (lambda line: list(line)) if kenlm["unit"] == "char" else str.split
    train, validation = ([split(line) for line in part.split("\n") if split(line)] for part in (text[:cut], text[cut:]))
    # The start token opens every line, and predicted it is KenLM's </s>; one id is left for KenLM's <unk>.
    ids = {token: number for number, token in enumerate(sorted({token for line in train for token in line}))}
    unknown, start = len(ids), len(ids) + 1
    stream = [number for line in train for number in (start, *(ids[token] for token in line))] + [start]
    order = kenlm["order"]
    model = fit(stream, len(ids) + 2, start, order=order)

    np.testing.assert_allclose(model.parameters, kenlm["discounts"], atol=1e-5)
    # KenLM counts <s>, </s> and <unk> among its unigrams.
    sizes = np.diff(model.backoff_model.trie.level_begins)[1:].tolist()
    assert kenlm["ngrams"] == [sizes[0] + 1, *sizes[1:]]
    lines = [[*(ids.get(token, unknown) for token in line), start] for line in validation]
    lengths = torch.tensor([len(line) for line in lines])
    padded = torch.zeros(len(lines), int(lengths.max()), dtype=torch.int64)
    for row, line in zip(padded, lines, strict=True):
        row[: len(line)] = torch.tensor(line)
    scored = model.token_logprobs(padded, lengths).double()
    scored[torch.arange(padded.shape[1]) >= lengths[:, None]] = 0
    np.testing.assert_allclose(scored.sum(1) / math.log(10), kenlm["log10_total_per_line"], atol=1e-4)


def followers(stream: list[int], context: tuple[int, ...], token: int) -> tuple[int, int]:
    """How often a token, and any token, follows a context within a document, by looking at every place."""
    after = [
        stream[at]
        for at in range(1, len(stream))
        if at >= len(context) and tuple(stream[at - len(context) : at]) == context and 9 not in context[1:]
    ]
    return sum(other == token for other in after), len(after)


@pytest.mark.parametrize("smoothing", ["maximum_likelihood", "add_k", "witten_bell", "modified_kneser_ney"])
def test_contexts_and_counts_give_the_probability(smoothing: str) -> None:
    stream = stream_of(random_documents(3, 40, 12, 5), 9)
    model = fit(stream, 10, 9, smoothing=smoothing, order=3, keep_counts=True)
    text = [0, 1, 0, 0, 2, 3, 0]
    for position, parts in enumerate(model.inner(torch.tensor(text)).evidence):
        before = (9, *text[:position])
        for part in parts:
            assert part.context == before[len(before) - len(part.context) :]
            assert (part.count, part.total) == followers(stream, part.context, text[position])
        assert [part.own > 0 for part in parts[:-1]] == [False] * (len(parts) - 1)
        last = parts[-1]
        if smoothing == "maximum_likelihood" and last.own:
            assert last.own == pytest.approx(last.count / last.total)
        if smoothing == "witten_bell":
            assert last.own == pytest.approx(witten_bell(stream, last.context, text[position]))


def witten_bell(stream: list[int], context: tuple[int, ...], token: int) -> float:
    """(count + types p(shorter)) / (total + types): Witten and Bell (1991), down to the uniform distribution."""
    count, total = followers(stream, context, token)
    types = sum(followers(stream, context, other)[0] > 0 for other in range(10))
    shorter = witten_bell(stream, context[1:], token) if context else 1 / 10
    return (count + types * shorter) / (total + types)


def test_without_counts_the_probabilities_are_told() -> None:
    model = fit(stream_of([[0, 1, 0, 1]], 2), 3, 2, order=2, smoothing="witten_bell")
    assert {part.count for parts in model.inner(torch.tensor([0, 1])).evidence for part in parts} == {None}
