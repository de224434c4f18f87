"""The linear recurrence h_t = a_t h_{t-1} + b_t, element by element: the heart of minimal recurrent networks.

It needs no matrix product from step to step, so it can be computed fast on any device. On a processor, step by step in
place: one operation a step is all it costs, and nothing is computed twice. Elsewhere by doubling (Hillis and Steele
1986): after the k-th of log2(T) passes each place holds the effect of the 2^k steps before it. The gradient is the same
recurrence run backwards. Both are equal to the plain loop (tests/models/test_linear_scan.py). Decays lie between 0 and
1, so nothing is taken to logarithms and nothing overflows.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


@torch.compiler.disable  # type: ignore[untyped-decorator]  # torch.compile would unroll the loop over time
def linear_scan(decay: Tensor, drive: Tensor, first: Tensor) -> Tensor:
    """h_1 to h_T. decay (a), drive (b): (T, B, D), decay from 0 to 1; first (h_0): (B, D). Returns (T, B, D)."""
    states: Tensor = _LinearScan.apply(decay, drive, first)  # type: ignore[no-untyped-call]
    return states


class _LinearScan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, decay: Tensor, drive: Tensor, first: Tensor) -> Tensor:
        states = _scan(decay, drive, first)
        ctx.save_for_backward(decay, states, first)
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_states: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        decay, states, first = ctx.saved_tensors
        grad_drive = _scan_backwards(decay, grad_states)
        grad_decay = torch.empty_like(decay)
        torch.mul(grad_drive[0], first, out=grad_decay[0])
        torch.mul(grad_drive[1:], states[:-1], out=grad_decay[1:])
        return grad_decay, grad_drive, grad_drive[0] * decay[0]


def _scan_backwards(decay: Tensor, grad_states: Tensor) -> Tensor:
    """What reaches each h_t: its own gradient, and a_{t+1} times what reaches h_{t+1}."""
    if _runs_in_place(grad_states):
        grads = torch.empty_like(grad_states)
        grads[-1] = grad_states[-1]
        after = grads[-1]
        for a, grad, now in zip(
            *(part.unbind()[::-1] for part in (decay[1:], grad_states[:-1], grads[:-1])), strict=True
        ):
            torch.addcmul(grad, a, after, out=now)
            after = now
        return grads
    decay_after = torch.cat([decay[1:], torch.zeros_like(decay[:1])]).flip(0)
    return _scan(decay_after, grad_states.flip(0), torch.zeros_like(grad_states[0])).flip(0)


def _scan(decay: Tensor, drive: Tensor, first: Tensor) -> Tensor:
    if _runs_in_place(drive):
        states = torch.empty_like(drive)
        before = first
        for a, b, after in zip(decay.unbind(), drive.unbind(), states.unbind(), strict=True):
            torch.addcmul(b, a, before, out=after)
            before = after
        return states
    states = torch.cat([torch.addcmul(drive[0], decay[0], first)[None], drive[1:]])
    shift = 1
    while shift < len(states):
        states = torch.cat([states[:shift], torch.addcmul(states[shift:], decay[shift:], states[:-shift])])
        decay = torch.cat([decay[:shift], decay[shift:] * decay[:-shift]])
        shift *= 2
    return states


def _runs_in_place(values: Tensor) -> bool:
    return values.device.type == "cpu"
