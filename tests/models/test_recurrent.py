"""Shared properties of rnn, gru and lstm."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional as F

from models.language_model import WEIGHTS_FILE
from models.recurrent import RecurrentModel
from models.settings.gru import GRUConfig
from models.settings.lstm import LSTMConfig
from models.settings.recurrent import RecurrentConfig
from models.settings.rnn import RNNConfig

CONFIGS = [
    RNNConfig(num_layers=2, d_model=16),
    GRUConfig(num_layers=2, d_model=16),
    LSTMConfig(num_layers=2, d_model=16),
]
each_config = pytest.mark.parametrize("config", CONFIGS, ids=[config.family for config in CONFIGS])


def build(config: RecurrentConfig) -> RecurrentModel:
    torch.manual_seed(0)
    model = config.build(7, 6)
    assert isinstance(model, RecurrentModel)
    return model


@each_config
def test_training_in_stretches_continues_where_the_last_one_ended(config: RecurrentConfig) -> None:
    model = build(config)
    tokens = torch.randint(0, 7, (3, 20))
    whole, _ = model(tokens)
    first, carry = model(tokens[:, :8])
    second, _ = model(tokens[:, 8:], carry)
    torch.testing.assert_close(torch.cat([first, second], dim=1), whole, atol=1e-5, rtol=0)
    assert all(part.shape[1] == 3 and not part.requires_grad for part in carry)


@each_config
def test_training_and_reading_see_the_same_model(config: RecurrentConfig) -> None:
    model = build(config)
    tokens = torch.randint(0, 7, (2, 12))
    logits, _ = model(torch.cat([torch.full((2, 1), 6), tokens], dim=1))
    torch.testing.assert_close(model.logprobs(tokens), torch.log_softmax(logits, -1), atol=1e-5, rtol=0)


@each_config
def test_dropout_acts_in_training_alone(config: RecurrentConfig) -> None:
    model = build(replace(config, dropout=0.5))
    tokens = torch.randint(0, 7, (2, 12))
    assert not torch.equal(model.train()(tokens)[0], model(tokens)[0])
    assert torch.equal(model.eval()(tokens)[0], model(tokens)[0])


@each_config
def test_tied_embeddings_are_stored_once(config: RecurrentConfig, tmp_path: Path) -> None:
    tied, untied = build(config), build(replace(config, tie_embeddings=False))
    assert untied.num_params() - tied.num_params() == 7 * 16
    tied.save(tmp_path)
    stored = load_file(tmp_path / WEIGHTS_FILE)
    assert sum(value.shape == (7, 16) for value in stored.values()) == 1


@each_config
def test_recurrent_matrices_start_orthogonal_and_biases_at_zero(config: RecurrentConfig) -> None:
    model = build(config)
    for name, parameter in model.layers.named_parameters():
        if "weight_hh" in name:
            for block in parameter.detach().chunk(model.num_gates):
                torch.testing.assert_close(block @ block.t(), torch.eye(16), atol=1e-5, rtol=0)
        elif "bias" in name and not ("bias_ih" in name and config.family == "lstm"):
            assert not parameter.any()


def test_forget_gates_start_open() -> None:
    model = build(LSTMConfig(d_model=16))
    bias = (model.layers[0].bias_ih_l0 + model.layers[0].bias_hh_l0).detach()
    assert bias.chunk(4)[1].tolist() == [1.0] * 16
    assert float(bias.sum()) == 16


@each_config
def test_reading_in_segments_for_memory_changes_nothing(
    config: RecurrentConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = build(config)
    tokens, lengths = torch.randint(0, 7, (4, 30)), torch.tensor([30, 4, 17, 0])
    whole, state = model.read(model.start(4), tokens, lengths)
    monkeypatch.setattr("models.carried._MAX_HIDDEN_VALUES", 4 * 16 * 3)
    cut, cut_state = model.read(model.start(4), tokens, lengths)
    torch.testing.assert_close(cut, whole, atol=1e-5, rtol=0)
    torch.testing.assert_close(cut_state.logprobs, state.logprobs, atol=1e-5, rtol=0)


@each_config
def test_a_few_steps_of_training_lower_the_loss(config: RecurrentConfig) -> None:
    model = build(config)
    tokens = torch.arange(64).remainder(5).repeat(4, 1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(30):
        logits, _ = model(tokens[:, :-1])
        loss = F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]


@each_config
def test_embeddings_may_be_narrower_than_the_hidden_state(config: RecurrentConfig) -> None:
    """The first layer alone reads them: G x 16 x (16 - 5) weights fewer there, and two matrices of 7 tokens."""
    model = build(replace(config, d_embedding=5, tie_embeddings=False))
    assert build(config).num_params() - model.num_params() == model.num_gates * 16 * (16 - 5) + 7 * 16 - 7 * (16 + 5)
    tokens = torch.randint(0, 7, (2, 12))
    logits, _ = model(torch.cat([torch.full((2, 1), 6), tokens], dim=1))
    torch.testing.assert_close(model.logprobs(tokens), torch.log_softmax(logits, -1), atol=1e-5, rtol=0)


@each_config
def test_hidden_units_are_those_of_torchs_own_layers(config: RecurrentConfig) -> None:
    model = build(config).eval()
    tokens = torch.randint(0, 7, (9,))
    inner = model.inner(tokens)
    places = torch.cat([torch.tensor([model.start_token]), tokens])
    hidden = F.embedding(places, model.embedding)[:, None] * model.embedding_scale
    for layer, units in zip(model.layers, inner.units.values(), strict=True):
        hidden = layer(hidden)[0]
        torch.testing.assert_close(units, hidden[:, 0].detach(), atol=1e-5, rtol=1e-5)
