"""What the families of residual blocks share."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from models.residual import ResidualModel, ShortConvolution
from models.settings.linear_attention import LinearAttentionConfig
from models.settings.mingru import MinGRUConfig
from models.settings.minlstm import MinLSTMConfig
from models.settings.residual import ResidualConfig
from models.settings.ssm import SSMConfig

CONFIGS = [
    MinGRUConfig(d_model=16),
    MinLSTMConfig(d_model=16),
    SSMConfig(d_model=16),
    LinearAttentionConfig(d_model=16),
]
each_config = pytest.mark.parametrize("config", CONFIGS, ids=[config.family for config in CONFIGS])


def build(config: ResidualConfig) -> ResidualModel:
    """A model whose blocks no longer start as the identity."""
    torch.manual_seed(0)
    model = config.build(7, 6)
    assert isinstance(model, ResidualModel)
    for parameter in model.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.2)
    return model


def test_a_short_convolution_is_that_of_torch() -> None:
    torch.manual_seed(0)
    convolution = ShortConvolution(5)
    x = torch.randn(9, 2, 5)
    outputs, last = convolution(x, convolution.blank_carry(2))
    weight = convolution.weight.t()[:, None]
    expected = F.conv1d(F.pad(x.permute(1, 2, 0), (3, 0)), weight, convolution.bias, groups=5)
    torch.testing.assert_close(outputs, expected.permute(2, 0, 1))
    torch.testing.assert_close(last, x[-3:].transpose(0, 1))


def test_the_gradients_of_a_short_convolution_are_those_of_its_formula() -> None:
    torch.manual_seed(0)
    convolution = ShortConvolution(3).double()
    x, before = torch.randn(5, 2, 3, dtype=torch.float64), torch.randn(2, 3, 3, dtype=torch.float64)
    x.requires_grad_()
    before.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x, before, *_: convolution(x, before), (x, before, convolution.weight, convolution.bias)
    )


@each_config
def test_training_in_stretches_goes_on_where_the_last_one_ended(config: ResidualConfig) -> None:
    model = build(config)
    tokens = torch.randint(0, 7, (3, 90))
    whole, _ = model(tokens)
    first, carry = model(tokens[:, :31])
    second, _ = model(tokens[:, 31:], carry)
    torch.testing.assert_close(torch.cat([first, second], dim=1), whole, atol=1e-5, rtol=1e-5)
    assert all(part.shape[1] == 3 and not part.requires_grad for part in carry)


@each_config
def test_a_block_starts_as_the_identity(config: ResidualConfig) -> None:
    torch.manual_seed(0)
    model = config.build(7, 6)
    assert isinstance(model, ResidualModel)
    tokens = torch.randint(0, 7, (2, 12))
    hidden, _ = model.run(tokens, model.blank_carry(2), training=False)
    torch.testing.assert_close(hidden, model.norm(F.embedding(tokens, model.embedding)))


@each_config
def test_every_parameter_learns(config: ResidualConfig) -> None:
    model = build(config)
    logits, _ = model(torch.randint(0, 7, (2, 12)))
    logits.square().sum().backward()
    assert [name for name, value in model.named_parameters() if value.grad is None or not value.grad.any()] == []


@each_config
def test_dropout_acts_in_training_alone(config: ResidualConfig) -> None:
    model = build(replace(config, dropout=0.5))
    tokens = torch.randint(0, 7, (2, 12))
    assert not torch.equal(model.train()(tokens)[0], model(tokens)[0])
    assert torch.equal(model.eval()(tokens)[0], model(tokens)[0])


@each_config
def test_weight_decay_pulls_at_matrices_alone(config: ResidualConfig) -> None:
    model = build(config)
    groups = model.parameter_groups()
    assert sorted(id(p) for group in groups for p in group.parameters) == sorted(id(p) for p in model.parameters())
    names = {id(value): name for name, value in model.named_parameters()}
    decayed = {names[id(p)] for group in groups if group.is_decayed for p in group.parameters}
    assert {
        name for name, value in model.named_parameters() if value.dim() == 2 and "convolution" not in name
    } == decayed
    hidden = {names[id(p)] for group in groups if group.is_hidden_matrix for p in group.parameters}
    assert hidden == decayed - {"embedding"}
