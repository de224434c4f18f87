from __future__ import annotations

import math

import pytest
import torch

from models.settings.uniform import UniformConfig


@pytest.mark.parametrize("vocab_size", [2, 65, 128, 32_000])
def test_every_token_costs_the_logarithm_of_the_alphabet(vocab_size: int) -> None:
    model = UniformConfig().build(vocab_size, start_token=0)
    scored = model.token_logprobs(torch.tensor([[0, 1, vocab_size - 1]]))
    assert (-scored / math.log(2)).tolist()[0] == pytest.approx([math.log2(vocab_size)] * 3, rel=1e-6)
    assert model.cost().num_params == 0
