"""Each optimizer is torch's own over the family's groups, and its state survives a checkpoint."""

from __future__ import annotations

import pytest
import torch

from harness.training.optimizers import Optimizer
from harness.training.settings import Training
from models.language_model import OptimizerName
from models.neural_model import NeuralModel
from models.settings.mlp import MLPConfig
from models.settings.transformer import TransformerConfig
from tests.models.diagonal import DiagonalConfig

RATE = 1e-2


def new_model(optimizer: OptimizerName) -> NeuralModel:
    torch.manual_seed(0)
    config = TransformerConfig(num_layers=1, num_heads=2, d_model=16, context_length=8, optimizer=optimizer)
    model = config.build(7, 0)
    assert isinstance(model, NeuralModel)
    return model


def learn(model: NeuralModel, seed: int) -> None:
    torch.manual_seed(seed)
    model(torch.randint(0, 7, (2, 8)))[0].square().mean().backward()


@pytest.mark.parametrize("optimizer", ["adamw", "muon", "sgd"])
def test_a_state_that_was_saved_gives_the_same_next_steps(optimizer: OptimizerName) -> None:
    model, other = new_model(optimizer), new_model(optimizer)
    first = Optimizer(model, Training())
    for seed in range(3):
        first.clear_gradients()
        learn(model, seed)
        first.step(RATE)
    second = Optimizer(other, Training())
    other.load_tensors({name: value.clone() for name, value in model.tensors().items()})
    second.load_state({name: value.clone() for name, value in first.state().items()})
    for seed in range(3, 6):
        for each, of in ((first, model), (second, other)):
            each.clear_gradients()
            learn(of, seed)
            each.step(RATE)
    for name, value in model.tensors().items():
        assert torch.equal(value, other.tensors()[name]), name


def test_muon_takes_the_matrices_of_the_blocks_and_moves_them_in_orthogonal_steps() -> None:
    model = new_model("muon")
    before = {name: value.clone() for name, value in model.tensors().items()}
    optimizer = Optimizer(model, Training(weight_decay=0.0))
    for parameter in model.parameters():
        parameter.grad = torch.randn_like(parameter)
    optimizer.step(RATE)
    for name in ("blocks.0.attention_out.weight", "blocks.0.mlp_out.weight"):
        moved = model.tensors()[name] - before[name]
        spread = torch.linalg.svdvals(moved)
        assert spread[0] < 2 * spread[-2]  # the gradient's own are far apart
        # as large as a step of AdamW, by the root mean square (Liu et al. 2025)
        assert float(moved.square().mean().sqrt()) == pytest.approx(0.2 * RATE, rel=0.25)
    embedding = (model.tensors()["embedding"] - before["embedding"]).abs()
    torch.testing.assert_close(embedding, torch.full_like(embedding, RATE), atol=1e-4, rtol=0)  # Adam's first step


def test_sgd_is_torch_s_with_nesterov_momentum() -> None:
    model, plain = new_model("sgd"), new_model("sgd")
    ours = Optimizer(model, Training(weight_decay=0.0, momentum=0.8))
    theirs = torch.optim.SGD(plain.parameters(), lr=RATE, momentum=0.8, nesterov=True)
    for seed in range(3):
        for each in (ours.clear_gradients, theirs.zero_grad):
            each()
        learn(model, seed)
        learn(plain, seed)
        ours.step(RATE)
        theirs.step()
    for name, value in plain.tensors().items():
        torch.testing.assert_close(model.tensors()[name], value)


@pytest.mark.parametrize(
    "config", [MLPConfig(optimizer="muon"), DiagonalConfig(optimizer="muon")], ids=["mlp", "diagonal"]
)
def test_every_parameter_of_other_families_is_moved(config: MLPConfig) -> None:
    torch.manual_seed(0)
    model = config.build(7, 0)
    assert isinstance(model, NeuralModel)
    before = {name: value.clone() for name, value in model.tensors().items()}
    optimizer = Optimizer(model, Training())
    learn(model, 0)
    optimizer.step(RATE)
    assert [name for name, value in model.tensors().items() if torch.equal(value, before[name])] == []
