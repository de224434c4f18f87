"""The neural probabilistic language model, against its formula for one context after another."""

from __future__ import annotations

import pytest
import torch

from models.mlp import MLP
from models.settings.mlp import MLPConfig


@pytest.mark.parametrize("direct", [False, True])
@torch.no_grad()
def test_logits_are_those_of_the_formula(direct: bool) -> None:
    torch.manual_seed(0)
    model = MLPConfig(context_length=3, d_embedding=4, d_model=5, direct=direct).build(7, 6)
    assert isinstance(model, MLP)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    tokens = [6, 0, 3, 3, 5, 1]
    logits, _ = model(torch.tensor([tokens]))
    ids = [0, 0, *(token + 1 for token in tokens)]  # 0: nothing yet
    for t in range(len(tokens)):
        x = torch.cat([model.embedding[number] for number in ids[t : t + 3]])
        expected = model.output_bias + model.output @ torch.tanh(model.hidden_bias + model.hidden @ x)
        if model.direct is not None:
            expected = expected + model.direct @ x
        torch.testing.assert_close(logits[0, t], expected)


def test_it_sees_context_length_tokens_and_no_more() -> None:
    torch.manual_seed(0)
    model = MLPConfig(context_length=3).build(7, 6)
    near, far = torch.tensor([[1, 2, 3, 4, 5]]), torch.tensor([[0, 0, 3, 4, 5]])
    assert model.context_length == 3
    torch.testing.assert_close(model.logprobs(near)[0, -1], model.logprobs(far)[0, -1])
    assert not torch.equal(model.logprobs(near)[0, -2], model.logprobs(far)[0, -2])
