from __future__ import annotations

import pytest
import torch
from torch import Tensor

from models.settings.lstm import LSTMConfig


def plain_logprobs(weights: dict[str, Tensor], tokens: list[int], num_layers: int, width: int, tied: bool) -> Tensor:
    """The equations of the LSTM written out, one token at a time. Returns (T, V)."""
    hidden = [torch.zeros(width) for _ in range(num_layers)]
    cells = [torch.zeros(width) for _ in range(num_layers)]
    rows = []
    for token in tokens:
        x = weights["embedding"][token] * (width**0.5 if tied else 1.0)
        for layer in range(num_layers):
            own = {
                name: weights[f"layers.{layer}.{name}_l0"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            }
            gates = own["weight_ih"] @ x + own["bias_ih"] + own["weight_hh"] @ hidden[layer] + own["bias_hh"]
            i, f, g, o = gates.split(width)
            cells[layer] = torch.sigmoid(f) * cells[layer] + torch.sigmoid(i) * torch.tanh(g)
            x = hidden[layer] = torch.sigmoid(o) * torch.tanh(cells[layer])
        logits = weights["embedding" if tied else "output"] @ x + weights["output_bias"]
        rows.append(logits - torch.log(torch.exp(logits).sum()))
    return torch.stack(rows)


@pytest.mark.parametrize(("num_layers", "tied"), [(1, True), (3, True), (2, False)])
def test_the_same_weights_in_the_equations_written_out_give_the_same_probabilities(num_layers: int, tied: bool) -> None:
    torch.manual_seed(0)
    model = LSTMConfig(num_layers=num_layers, d_model=24, tie_embeddings=tied).build(13, 12)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    tokens = torch.randint(0, 13, (40,))
    expected = plain_logprobs(model.tensors(), [12, *tokens.tolist()], num_layers, 24, tied)
    torch.testing.assert_close(model.logprobs(tokens[None])[0], expected, atol=1e-5, rtol=0)
