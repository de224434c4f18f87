"""What mingru and minlstm share: their equations, written out one token after another."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from models.mingru import MinGRUMixer
from models.minimal_recurrent import MinimalRecurrentMixer, positive
from models.minlstm import MinLSTMMixer
from models.settings.mingru import MinGRUConfig
from models.settings.minlstm import MinLSTMConfig

WIDTH = 12
Step = Callable[[MinimalRecurrentMixer, Tensor, Tensor], Tensor]


def mingru(mixer: MinimalRecurrentMixer, projected: Tensor, hidden: Tensor) -> Tensor:
    """Algorithm of the paper's section 3.1; the bias makes 1 - z."""
    z = 1 - torch.sigmoid(projected[:, :WIDTH] + mixer.gate_bias)
    return (1 - z) * hidden + z * positive(projected[:, WIDTH:])


def minlstm(mixer: MinimalRecurrentMixer, projected: Tensor, hidden: Tensor) -> Tensor:
    """Algorithm of the paper's section 3.2, with gates that sum to one."""
    f = torch.sigmoid(projected[:, :WIDTH] + mixer.gate_bias)
    i = torch.sigmoid(projected[:, WIDTH : 2 * WIDTH] - mixer.gate_bias)
    return f / (f + i) * hidden + i / (f + i) * positive(projected[:, 2 * WIDTH :])


@pytest.mark.parametrize(
    ("mixer", "step"),
    [
        (MinGRUMixer(MinGRUConfig(d_model=8), num_gates=1), mingru),
        (MinLSTMMixer(MinLSTMConfig(d_model=8), num_gates=2), minlstm),
    ],
    ids=["mingru", "minlstm"],
)
@torch.no_grad()
def test_outputs_are_those_of_the_paper_s_equations(mixer: MinimalRecurrentMixer, step: Step) -> None:
    torch.manual_seed(0)
    torch.nn.init.normal_(mixer.out.weight)
    x = torch.randn(40, 2, 8)
    outputs, (_, last) = mixer(x, mixer.blank_carry(2))
    mixed, _ = mixer.convolution(x, mixer.convolution.blank_carry(2))
    hidden = torch.zeros(2, WIDTH)
    for t in range(40):
        hidden = step(mixer, mixer.gates_and_candidate(mixed[t]), hidden)
        torch.testing.assert_close(outputs[t], mixer.out(hidden), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(last, hidden, atol=1e-5, rtol=1e-5)


def test_a_candidate_is_above_zero_and_has_no_jump() -> None:
    x = torch.tensor([-30.0, -1e-6, 0.0, 1e-6, 2.0])
    expected = torch.tensor([0.0, 0.5, 0.5, 0.5, 2.5])
    torch.testing.assert_close(positive(x), expected, atol=1e-5, rtol=0)
    assert (positive(x) > 0).all()


def test_units_forget_after_one_to_training_length_tokens_at_first() -> None:
    mixer = MinGRUMixer(MinGRUConfig(d_model=800, training_length=50), num_gates=1)
    memory = mixer.gate_bias.detach().exp()  # how often a unit keeps, for each time it takes
    assert 1 <= float(memory.min()) < 2
    assert 49 < float(memory.max()) <= 50
