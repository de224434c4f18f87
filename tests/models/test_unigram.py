from __future__ import annotations

import pytest
import torch

from models.checks import BadWeights
from models.settings.unigram import UnigramConfig

START = 3
# Two documents: a a b, and b a. What is predicted: a a b START b a; token 2 never occurs.
STREAM = torch.tensor([START, 0, 0, 1, START, 1, 0])


@pytest.mark.parametrize(
    ("pseudo_count", "expected"),
    [(1.0, [4 / 10, 3 / 10, 1 / 10, 2 / 10]), (0.5, [3.5 / 8, 2.5 / 8, 0.5 / 8, 1.5 / 8])],
)
def test_probabilities_are_counts_by_hand(pseudo_count: float, expected: list[float]) -> None:
    model = UnigramConfig(pseudo_count=pseudo_count).build(4, START)
    model.count(STREAM)
    model.finish()
    assert model.start().logprobs.exp()[0].tolist() == pytest.approx(expected, rel=1e-6)


def test_ids_outside_the_vocabulary_are_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 4, but the vocabulary is 0 to 3"):
        UnigramConfig().build(4, START).count(torch.tensor([START, 0, 4]))


def test_nothing_can_be_scored_before_it_is_fitted() -> None:
    with pytest.raises(RuntimeError, match="counted nothing"):
        UnigramConfig().build(4, START).start()


@pytest.mark.parametrize(
    ("name", "values"),
    [("counts", [1, 2, 3]), ("counts", [1, 2, 3, -1])],
)
def test_weights_that_are_not_its_own_are_refused(name: str, values: list[int]) -> None:
    model = UnigramConfig().build(4, START)
    with pytest.raises(BadWeights, match=f"the array '{name}'"):
        model.load_tensors({**model.tensors(), name: torch.tensor(values)})


def test_the_count_behind_a_probability() -> None:
    model = UnigramConfig(pseudo_count=0.5).build(3, 2)
    model.count(torch.tensor([2, 0, 0, 1]))
    model.finish()
    [[part]] = model.inner(torch.tensor([0])).evidence
    assert (part.context, part.count, part.total, part.passed_on) == ((), 2, 3, 0.0)
    assert part.own == pytest.approx((2 + 0.5) / (3 + 1.5))
