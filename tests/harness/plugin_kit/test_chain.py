"""A Markov chain given by its table."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from harness.plugin_kit.chain import ChainConfig, TableModel
from models.language_model import Cost

CHANCES = [[0.5, 0.25, 0.25], [0.1, 0.6, 0.3], [0.2, 0.2, 0.6]]
CHAIN = TableModel(torch.tensor(CHANCES).log() + 7, start_token=2)


def test_a_text_s_probability_is_the_product_of_its_steps() -> None:
    for text in itertools.product(range(3), repeat=3):
        expected = math.prod(CHANCES[before][after] for before, after in zip((2, *text), text, strict=False))
        ours = CHAIN.token_logprobs(torch.tensor([text])).sum().exp()
        assert float(ours) == pytest.approx(expected, rel=1e-5)


def test_each_row_goes_on_from_the_end_of_what_it_read() -> None:
    _, state = CHAIN.read(CHAIN.start(3), torch.tensor([[0, 1], [1, 0], [1, 1]]), torch.tensor([2, 1, 0]))
    expected = torch.tensor([CHANCES[1], CHANCES[1], CHANCES[2]])
    torch.testing.assert_close(state.logprobs.exp(), expected)
    torch.testing.assert_close(state.select([2, 0]).logprobs.exp(), expected[[2, 0]])


def test_a_chain_that_was_stored_is_the_same() -> None:
    again = ChainConfig().build(3, start_token=2)
    again.load_tensors(CHAIN.tensors())
    tokens = torch.tensor([[0, 1, 2]])
    assert torch.equal(again.logprobs(tokens), CHAIN.logprobs(tokens))


def test_the_cost_of_a_table_over_three_tokens() -> None:
    # Nine float32 values; a state is three of them and the last token.
    assert TableModel(torch.zeros(3, 3), 2).cost() == Cost(9, 36, 0, 20)
