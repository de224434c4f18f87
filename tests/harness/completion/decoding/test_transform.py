"""What transforms can read of the rows, and the order in which they are applied."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from harness.common.errors import UserError
from harness.completion.decoding.choosers import Greedy
from harness.completion.decoding.transform import Rows, Sampler, Transform

ROWS = Rows(torch.tensor([[5, 6, 7], [5, 0, 0]]), lengths=torch.tensor([3, 1]), prompt_lengths=torch.tensor([1, 1]))


@dataclass(frozen=True)
class Plus(Transform):
    number: float

    def __call__(self, logprobs: Tensor, rows: Rows, memory: Tensor | None) -> Tensor:
        return logprobs + self.number


@dataclass(frozen=True)
class TimesMemory(Transform):
    """Remembers the sum of the values that it gave to the chosen tokens."""

    def __call__(self, logprobs: Tensor, rows: Rows, memory: Tensor | None) -> Tensor:
        assert memory is not None
        return logprobs * memory[:, None]

    def start(self, num_rows: int) -> Tensor:
        return torch.ones(num_rows)

    def remember(self, memory: Tensor, chosen: Tensor, logprobs: Tensor, rows: Rows) -> Tensor:
        return memory + logprobs.gather(1, chosen[:, None])[:, 0]


def test_positions_past_a_row_are_not_read_and_prompt_positions_are_not_written() -> None:
    assert ROWS.is_read.tolist() == [[True, True, True], [True, False, False]]
    assert ROWS.is_written.tolist() == [[False, True, True], [False, False, False]]


def test_transforms_work_in_their_order_on_what_the_one_before_gave() -> None:
    sampler = Sampler([Plus(1.0), TimesMemory(), Plus(-3.0)], Greedy(), 2)
    distribution = sampler.distribution(torch.tensor([[1.0, 2.0], [5.0, 3.0]]), ROWS)
    assert [stage.tolist() for stage in sampler.stages] == [
        [[2.0, 3.0], [6.0, 4.0]],
        [[2.0, 3.0], [6.0, 4.0]],
        [[-1.0, 0.0], [3.0, 1.0]],
    ]
    assert torch.equal(distribution, sampler.stages[-1])
    chosen = sampler.choose(distribution, torch.zeros(2))
    assert chosen.tolist() == [1, 0]
    # each remembers of its own stage: 1 + 3 and 1 + 6
    sampler.remember(chosen, ROWS)
    assert sampler.distribution(torch.zeros(2, 2), ROWS).tolist() == [[1.0, 1.0], [4.0, 4.0]]


def test_rows_are_kept_with_what_is_remembered_of_them() -> None:
    sampler = Sampler([TimesMemory()], Greedy(), 2)
    sampler.distribution(torch.tensor([[1.0, 2.0], [5.0, 3.0]]), ROWS)
    sampler.select([1, 0, 1])
    assert sampler.stages[0].tolist() == [[5.0, 3.0], [1.0, 2.0], [5.0, 3.0]]
    sampler.remember(torch.tensor([0, 0, 1]), ROWS)
    assert sampler.distribution(torch.ones(3, 1), ROWS).tolist() == [[6.0], [2.0], [4.0]]


@dataclass(frozen=True)
class Cuts(Transform):
    def __call__(self, logprobs: Tensor, rows: Rows, memory: Tensor | None) -> Tensor:
        return logprobs[:, :1]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (Cuts(), r"Cuts gave the shape \(2, 1\) for \(2, 3\)"),
        (Plus(-math.inf), "Plus left a row without any token"),
        (Plus(math.nan), "Plus left a row without any token"),
    ],
)
def test_a_transform_that_gives_no_distribution_is_named(wrong: Transform, words: str) -> None:
    with pytest.raises(UserError, match=words):
        Sampler([TimesMemory(), wrong], Greedy(), 2).distribution(torch.zeros(2, 3), ROWS)


@pytest.mark.parametrize("picked", [[0, 3], [-1, 0], [0]])
def test_a_chooser_that_picks_no_token_is_named(picked: list[int]) -> None:
    class Anything(Greedy):
        def __call__(self, logprobs: Tensor, uniforms: Tensor) -> Tensor:
            return torch.tensor(picked)

    with pytest.raises(UserError, match="the chooser Anything picked"):
        Sampler([], Anything(), 2).choose(torch.zeros(2, 3), torch.zeros(2))


@dataclass(frozen=True)
class LooksBack(Plus):
    looks_back = True

    def __call__(self, logprobs: Tensor, rows: Rows, memory: Tensor | None) -> Tensor:
        return logprobs + rows.tokens[:, :1]


class LooksBackSilently(LooksBack):
    looks_back = False


def test_a_transform_sees_the_tokens_only_where_it_says_that_it_looks_back() -> None:
    beside = LooksBack(0.0)
    assert Sampler([beside], Greedy(), 2).distribution(torch.zeros(2, 3), ROWS).tolist() == [[5.0] * 3, [5.0] * 3]
    with pytest.raises(UserError, match=r"LooksBackSilently uses.*rows\.tokens.*looks_back = True"):
        Sampler([beside, LooksBackSilently(0.0)], Greedy(), 2).distribution(torch.zeros(2, 3), ROWS)
