"""A family without a memory: one distribution for every place."""

from __future__ import annotations

import pytest
import torch

from models.settings.unigram import UnigramConfig

# Counted after the first start token: 0, 0, 1, and the start token 3; with a pseudo-count of 1 of each of four.
SHARES = torch.tensor([3 / 8, 2 / 8, 1 / 8, 2 / 8])


@pytest.fixture
def model():  # type: ignore[no-untyped-def]
    fitted = UnigramConfig().build(4, 3)
    fitted.count(torch.tensor([3, 0, 0, 1, 3]))
    fitted.finish()
    return fitted


def test_the_distribution_is_the_same_at_every_place_of_every_row(model) -> None:  # type: ignore[no-untyped-def]
    tokens = torch.tensor([[0, 1, 2], [3, 3, 0]])
    after, state = model.read(model.start(2), tokens)
    torch.testing.assert_close(after.exp(), SHARES.expand(2, 3, 4))
    torch.testing.assert_close(state.select([1, 0, 1]).logprobs.exp(), SHARES.expand(3, 4))
    torch.testing.assert_close(model.token_logprobs(tokens).exp(), SHARES[tokens])


def test_it_remembers_nothing_and_costs_what_it_stores(model) -> None:  # type: ignore[no-untyped-def]
    assert model.context_length == 0
    cost = model.cost()
    assert (cost.num_params, cost.model_bytes, cost.flops_per_token, cost.state_bytes_at_context) == (4, 32, 0, 16)


def test_a_model_that_counted_nothing_says_so() -> None:
    with pytest.raises(RuntimeError, match="This unigram model has counted nothing"):
        UnigramConfig().build(4, 3).start()
