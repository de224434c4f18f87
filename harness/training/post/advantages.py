"""Advantages: how much better a reply, or a token of it, was than expected.

Shape legend: B replies, G groups (replies to one prompt), K replies of a group, T tokens.
"""

from __future__ import annotations

import torch
from torch import Tensor


def leave_one_out(rewards: Tensor) -> Tensor:
    """A_i = R_i - mean of the other rewards of its group.

    An unbiased baseline (Kool, van Hoof & Welling 2019; RLOO of Ahmadian et al. 2024, arXiv 2402.14740). rewards: (G,
    K), K >= 2. Returns (G, K).
    """
    num_replies = rewards.shape[1]
    return (rewards - rewards.mean(dim=1, keepdim=True)) * (num_replies / (num_replies - 1))


def group_mean(rewards: Tensor, is_scaled: bool) -> Tensor:
    """A_i = R_i - mean of its group, and where `is_scaled` divided by the group's standard deviation.

    GRPO (Shao et al. 2024, arXiv 2402.03300, section 4.1.1), with Bessel's correction and 1e-4 added to the standard
    deviation, as in TRL. Unscaled: Dr. GRPO (Liu et al. 2025, arXiv 2503.20783). rewards: (G, K), K >= 2. Returns (G,
    K).
    """
    centred = rewards - rewards.mean(dim=1, keepdim=True)
    return centred / (rewards.std(dim=1, keepdim=True) + 1e-4) if is_scaled else centred


def generalised(rewards: Tensor, values: Tensor, discount: float, decay: float) -> Tensor:
    """Generalised advantage estimation (Schulman et al. 2016, arXiv 1506.02438, eq. 16).

    A_t = sum over l >= 0 of (discount decay)^l (r_{t+l} + discount V_{t+l+1} - V_{t+l}); V after the last token is 0.
    rewards, values: (B, T), both 0 past a reply's end. Returns (B, T).
    """
    advantages = torch.zeros_like(rewards)
    later = torch.zeros_like(rewards[:, 0])
    next_values = torch.zeros_like(later)
    for step in reversed(range(rewards.shape[1])):
        surprise = rewards[:, step] + discount * next_values - values[:, step]
        later = surprise + discount * decay * later
        advantages[:, step], next_values = later, values[:, step]
    return advantages


def return_to_go(rewards: Tensor) -> Tensor:
    """The sum of a token's reward and of all that follow. rewards: (B, T), 0 past a reply's end. Returns (B, T)."""
    return rewards.flip(1).cumsum(1).flip(1)


def whitened(values: Tensor, mask: Tensor) -> Tensor:
    """Values with mean 0 and variance 1 over the mask, and 0 outside of it; the variance with Bessel's correction, 1e-8
    added, as in TRL's PPO. values, mask: (B, T)."""
    chosen = values[mask]
    scale = (chosen.var() + 1e-8).rsqrt() if len(chosen) > 1 else torch.zeros((), device=values.device)
    return ((values - chosen.mean()) * scale).masked_fill(~mask, 0.0)
