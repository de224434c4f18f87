"""What replies weigh in weighted likelihood.

Shape legend: B replies.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from harness.training.post.weighted_likelihood import Weighting


def reply_weights(
    weighting: Weighting, beta: float, prompts: Sequence[str], rewards: Tensor, log_ratios: Tensor
) -> Tensor:
    """(B,) of replies: 0 or more, on average 1 for each prompt but for replies without a reward, which get 0.

    rewards: (B,), NaN where there is none. log_ratios: (B,), log p_reference / p_writer of each reply.
    """
    weights = torch.zeros(len(prompts), dtype=torch.float64)
    known = ~rewards.isnan()
    values = rewards.double() if weighting == "best" else rewards.double() / beta + log_ratios.double()
    numbers = {prompt: number for number, prompt in enumerate(dict.fromkeys(prompts))}
    of_prompt = torch.tensor([numbers[prompt] for prompt in prompts])
    for number in range(len(numbers)):
        rows = torch.nonzero(known & (of_prompt == number))[:, 0]
        if len(rows):
            best = (values[rows] == values[rows].max()).double()
            shares = best / best.sum() if weighting == "best" else values[rows].softmax(0)
            weights[rows] = shares * len(rows)
    return weights


def effective(weights: Tensor) -> float:
    """How many replies of equal weight would say as much, as a share of all: (sum w)^2 / (n sum w^2) (Kish 1965)."""
    return float(weights.sum() ** 2 / (len(weights) * weights.square().sum())) if weights.any() else 0.0
