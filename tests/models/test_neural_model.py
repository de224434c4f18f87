"""What families of torch modules share."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch.nn import functional as F

from models.language_model import NeuralModelConfig
from models.lstm import LSTM
from models.neural_model import NeuralModel
from models.settings.lstm import LSTMConfig
from tests.models.families import LEARNING, options, tiny_config
from tests.models.operations import counted


def test_matrices_are_decayed_and_biases_are_not() -> None:
    model = LSTM(LSTMConfig(num_layers=1, d_model=8, tie_embeddings=False), vocab_size=5, start_token=4)
    hidden, outer, others = model.parameter_groups()
    # of the one layer the matrices from the input and from the state
    assert hidden.is_decayed
    assert hidden.is_hidden_matrix
    assert sorted(tuple(p.shape) for p in hidden.parameters) == [(32, 8), (32, 8)]
    # embedding and output
    assert outer.is_decayed
    assert not outer.is_hidden_matrix
    assert sorted(tuple(p.shape) for p in outer.parameters) == [(5, 8), (5, 8)]
    # the layer's two biases, and the output's
    assert not others.is_decayed
    assert sorted(tuple(p.shape) for p in others.parameters) == [(5,), (32,), (32,)]
    assert model.num_params() == 2 * 5 * 8 + 2 * 32 * 8 + 5 + 32 + 32


def test_weights_come_back_as_they_were_and_a_model_in_use_is_not_in_training() -> None:
    config = LSTMConfig(d_model=8)
    model, other = config.build(5, 4), config.build(5, 4)
    other.load_tensors(model.tensors())
    assert all(torch.equal(value, other.tensors()[name]) for name, value in model.tensors().items())
    moved = model.on(torch.device("cpu"))
    assert isinstance(moved, LSTM)
    assert not moved.training


GRADIENT_FAMILIES = [family for family in LEARNING if issubclass(options(family)[0], NeuralModelConfig)]


@pytest.mark.parametrize("family", GRADIENT_FAMILIES)
def test_how_a_model_is_trained_changes_neither_its_first_weights_nor_what_it_computes(family: str) -> None:
    config = tiny_config(family, dropout=0.0)
    assert isinstance(config, NeuralModelConfig)
    other = LSTMConfig(learning_rate=0.5, optimizer="sgd")
    otherwise = config.trained_as(other)
    assert (otherwise.learning_rate, otherwise.optimizer) == (0.5, "sgd")
    assert otherwise.trained_as(config) == config
    logprobs = []
    for each in (config, otherwise):
        torch.manual_seed(0)
        logprobs.append(each.build(vocab_size=9, start_token=0).on(torch.device("cpu")).logprobs(torch.arange(9)[None]))
    assert torch.equal(*logprobs)


FORMS: list[tuple[str, dict[str, object]]] = [
    *((family, {}) for family in GRADIENT_FAMILIES),
    *(("transformer", {"preset": preset}) for preset in ("gpt2", "llama")),
    ("transformer", {"num_kv_heads": 1, "tie_embeddings": False}),
    ("mlp", {"direct": True}),
    ("lstm", {"tie_embeddings": False, "num_layers": 2}),
    ("ssm", {"training_length": 128, "mlp_ratio": 2.0}),
    ("linear_attention", {"training_length": 32}),
]


@pytest.mark.parametrize(("family", "changes"), FORMS, ids=str)
def test_operations_forward_and_in_training_are_those_of_torch_s_counter(
    family: str, changes: dict[str, object]
) -> None:
    config_class, values = options(family)
    config = config_class(**(values | {"d_model": 32, "dropout": 0.0} | changes))
    if hasattr(config, "stride"):
        config = dataclasses.replace(config, context_length=64)
    torch.manual_seed(0)
    model = config.build(vocab_size=100, start_token=0)
    assert isinstance(model, NeuralModel)
    forward, step = counted(model)
    assert model.cost().flops_per_token == pytest.approx(forward, rel=0.01)
    assert model.train_flops_per_token() == pytest.approx(step, rel=0.01)


@pytest.mark.parametrize("family", GRADIENT_FAMILIES)
def test_a_step_in_bfloat16_has_nearly_the_gradients_of_float32(family: str) -> None:
    """bfloat16 keeps 8 bits: a relative error of 0.4 % in each product."""
    config = tiny_config(family, dropout=0.0)
    torch.manual_seed(0)
    model = config.build(vocab_size=9, start_token=0)
    assert isinstance(model, NeuralModel)
    tokens = torch.randint(0, 9, (4, model.training_length + 1))
    gradients = []
    for is_low in (False, True):
        model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=is_low):
            logits, _ = model(tokens[:, :-1])
        F.cross_entropy(logits.float().flatten(0, 1), tokens[:, 1:].flatten()).backward()
        gradients.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]))
    whole, low = gradients
    assert not torch.equal(whole, low)
    assert (whole - low).norm() < 0.03 * whole.norm()
