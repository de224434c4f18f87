"""The selective state space, against transformers' Mamba-2 and the recurrence written out."""

from __future__ import annotations

import pytest
import torch

from models.settings.ssm import SSMConfig
from models.ssm import StateSpaceMixer, decayed_scan


@torch.no_grad()
def test_a_block_is_that_of_transformers_mamba_2() -> None:
    mamba2 = pytest.importorskip("transformers.models.mamba2.modeling_mamba2")
    from transformers import Mamba2Config

    config = Mamba2Config(
        hidden_size=32, expand=2, num_heads=4, head_dim=16, state_size=8, n_groups=1, conv_kernel=4, chunk_size=16
    )
    torch.manual_seed(0)
    theirs = mamba2.Mamba2Mixer(config, 0).eval()
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    ours = StateSpaceMixer(SSMConfig(d_model=32, state_size=8))
    ours.load_state_dict(
        {
            "projections.weight": theirs.in_proj.weight,
            "convolution.weight": theirs.conv1d.weight[:, 0].t(),
            "convolution.bias": theirs.conv1d.bias,
            "step_bias": theirs.dt_bias,
            "log_rate": theirs.A_log,
            "skip": theirs.D,
            "norm.weight": theirs.norm.weight,
            "out.weight": theirs.out_proj.weight,
        }
    )
    ours.norm.eps = theirs.norm.variance_epsilon
    x = torch.randn(2, 150, 32)
    outputs, _ = ours(x.transpose(0, 1), ours.blank_carry(2))
    torch.testing.assert_close(outputs.transpose(0, 1), theirs(x), atol=1e-4, rtol=1e-4)


def test_the_scan_in_chunks_is_the_recurrence_written_out() -> None:
    torch.manual_seed(0)
    c, b = torch.randn(2, 150, 3, dtype=torch.float64), torch.randn(2, 150, 3, dtype=torch.float64)
    x, log_decay = torch.randn(2, 4, 150, 5, dtype=torch.float64), -torch.rand(2, 4, 150, dtype=torch.float64) * 3
    states = torch.randn(2, 4, 3, 5, dtype=torch.float64)
    read, last = decayed_scan(c, b, x, log_decay, states)
    for t in range(150):
        states = log_decay[:, :, t, None, None].exp() * states + torch.einsum("bn,bhp->bhnp", b[:, t], x[:, :, t])
        torch.testing.assert_close(read[:, :, t], torch.einsum("bn,bhnp->bhp", c[:, t], states))
    torch.testing.assert_close(last, states)


def test_steps_and_rates_start_where_the_authors_start_them() -> None:
    torch.manual_seed(0)
    mixer = StateSpaceMixer(SSMConfig(d_model=256, num_heads=256))
    steps = torch.nn.functional.softplus(mixer.step_bias)
    assert 0.00099 < float(steps.min()) < 0.0015
    assert 0.08 < float(steps.max()) < 0.101
    assert 1 <= float(mixer.log_rate.exp().min()) < float(mixer.log_rate.exp().max()) <= 16.01
