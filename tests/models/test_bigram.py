from __future__ import annotations

import numpy as np
import pytest
import torch

from models.checks import BadWeights
from models.settings.bigram import BigramConfig

START = 3
# Two documents: a a b, and b a. Pairs: START-a, a-a, a-b, b-START, START-b, b-a.
STREAM = torch.tensor([START, 0, 0, 1, START, 1, 0])
UNIGRAM = np.array([4, 3, 1, 2]) / 10


def test_probabilities_are_counts_by_hand() -> None:
    model = BigramConfig(concentration=2.0).build(4, START)
    model.count(STREAM)
    model.finish()
    pairs = np.array([[1, 1, 0, 0], [1, 0, 0, 1], [0, 0, 0, 0], [1, 1, 0, 0]])
    expected = (pairs + 2.0 * UNIGRAM) / (pairs.sum(1, keepdims=True) + 2.0)
    rows = model.logprobs(torch.tensor([[0, 1, 2]]))[0].exp().numpy()
    np.testing.assert_allclose(rows, expected[[START, 0, 1, 2]], rtol=1e-6)
    # After a token that was never seen, the unigram distribution.
    np.testing.assert_allclose(rows[3], UNIGRAM, rtol=1e-6)
    assert model.cost().num_params == 4 + 6


def test_a_vocabulary_of_32000_needs_no_square_table() -> None:
    vocab_size = 32_000
    stream = torch.from_numpy(np.random.default_rng(0).integers(0, vocab_size, 50_000))
    stream[0] = START
    model = BigramConfig().build(vocab_size, START)
    model.count(stream)
    model.finish()
    assert model.cost().model_bytes < 2_000_000
    after, _ = model.read(model.start(), stream[None, 1:5])
    torch.testing.assert_close(after.exp().sum(-1), torch.ones(1, 4), atol=1e-5, rtol=0)
    assert model.token_logprobs(stream[None, 1:]).isfinite().all()


def test_nothing_can_be_scored_before_it_is_fitted() -> None:
    with pytest.raises(RuntimeError, match="counted nothing"):
        BigramConfig().build(4, START).start()


@pytest.mark.parametrize(
    ("name", "values"),
    [("pair_keys", [3, 3]), ("pair_keys", [-1]), ("pair_keys", [16]), ("pair_counts", [1]), ("last_counted", [4])],
)
def test_weights_that_are_not_its_own_are_refused(name: str, values: list[int]) -> None:
    model = BigramConfig().build(4, START)
    with pytest.raises(BadWeights, match=f"the array '{name}'"):
        model.load_tensors({**model.tensors(), name: torch.tensor(values)})


def test_the_counts_behind_a_probability() -> None:
    model = BigramConfig(concentration=2.0).build(4, 3)
    stream = torch.tensor([3, 0, 1, 0, 1, 0, 2, 3, 1])
    model.count(stream)
    model.finish()
    seen, unseen = model.inner(torch.tensor([0, 0])).evidence
    tokens = [(stream[1:] == token).sum().item() + 1 for token in range(4)]  # a pseudo-count of 1
    unigram = [count / sum(tokens) for count in tokens]
    [part] = seen  # the start token was followed twice, once by 0
    assert (part.context, part.count, part.total) == ((3,), 1, 2)
    assert part.own == pytest.approx((1 + 2 * unigram[0]) / (2 + 2))
    first, last = unseen  # 0 never follows 0, which was followed three times
    assert (first.context, first.count, first.total, first.own) == ((0,), 0, 3, 0.0)
    assert first.passed_on == pytest.approx(2 / (3 + 2))
    assert (last.context, last.count, last.total) == ((), 3, 8)
    assert last.own == pytest.approx(unigram[0])
