"""Gated linear attention, against the recurrence written out."""

from __future__ import annotations

import pytest
import torch

from models.linear_attention import gated_scan


@pytest.mark.parametrize("fastest", [0.1, 5.0])
def test_the_scan_in_chunks_is_the_recurrence_written_out(fastest: float) -> None:
    """Also where every gate is as small as it can be."""
    torch.manual_seed(0)
    queries, keys = torch.randn(2, 3, 50, 4), torch.randn(2, 3, 50, 4)
    values, log_gate = torch.randn(2, 3, 50, 5), -torch.rand(2, 3, 50, 4) * fastest
    log_gate[:, :, 10:30] = -fastest
    state = torch.randn(2, 3, 4, 5)
    read, last = gated_scan(queries, keys, values, log_gate, state)
    for t in range(50):
        state = log_gate[:, :, t, :, None].exp() * state + keys[:, :, t, :, None] * values[:, :, t, None]
        expected = (queries[:, :, t, :, None] * state).sum(2)
        torch.testing.assert_close(read[:, :, t], expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(last, state, atol=1e-4, rtol=1e-4)
