"""What replies weigh in weighted likelihood.

Shape legend: B replies.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from harness.training.post.weighted_likelihood import WeightedLikelihood


def reply_weights(stage: WeightedLikelihood, prompts: Sequence[str], rewards: Tensor, log_ratios: Tensor) -> Tensor:
    """(B,) of replies: 0 or more, on average 1 in each group but for replies without a reward, which get 0.

    prompts: of each reply, one group after another. rewards: (B,), NaN where there is none. log_ratios: (B,), log
    p_reference / p_writer of each reply. Of the best there is one in each group. Exponentials are divided by their mean
    over all replies to the same text, since that is the more exact the more they are.
    """
    is_best = stage.weighting == "best"
    weights = torch.zeros(len(prompts), dtype=torch.float64)
    values = rewards.double() if is_best else rewards.double() / stage.beta + log_ratios.double()
    groups: dict[object, list[int]] = {}
    for row in torch.nonzero(~rewards.isnan())[:, 0].tolist():
        groups.setdefault(row // stage.replies_per_prompt if is_best else prompts[row], []).append(row)
    for rows in groups.values():
        best = (values[rows] == values[rows].max()).double()
        shares = best / best.sum() if is_best else values[rows].softmax(0)
        weights[rows] = shares * len(rows)
    return weights


def effective(weights: Tensor) -> float:
    """How many replies of equal weight would say as much, as a share of all: (sum w)^2 / (n sum w^2) (Kish 1965)."""
    return float(weights.sum() ** 2 / (len(weights) * weights.square().sum())) if weights.any() else 0.0
