"""The losses of post-training, as functions of log-probabilities. Each is a mean, lowered by gradient descent.

All but `value` and `preference` are weighted log-likelihoods: minus the sum over replies i and tokens t of w_it log
p(y_it | x_i, y_i<t). Stages differ in the weights.

Shape legend: B replies, T tokens of a reply. Padding is where the mask is False; its values don't matter.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Aggregation = Literal["sequence_sum", "sequence_mean", "token_mean", "constant"]
"""How values of tokens become one: the mean over replies of each reply's sum; of each reply's mean over its tokens (as
GRPO; Shao et al. 2024); the mean over all tokens (as DAPO; Yu et al. 2025, and PPO); or the sum of all over the number
of replies and a constant, the most tokens of a reply (as Dr. GRPO; Liu et al. 2025). The second gives tokens of long
replies less weight, so it favours short right and long wrong replies; the first and the last give all tokens the same.
"""


def aggregated(values: Tensor, mask: Tensor, how: Aggregation, most_tokens: int | None = None) -> Tensor:
    """One value of (B, T). most_tokens: for how=constant."""
    values = values.masked_fill(~mask, 0.0)
    if how == "sequence_sum":
        return values.sum(1).mean()
    if how == "sequence_mean":
        return (values.sum(1) / mask.sum(1).clamp(min=1)).mean()
    if how == "token_mean":
        return values.sum() / mask.sum().clamp(min=1)
    assert most_tokens is not None, "how=constant needs the constant"
    return values.sum() / (len(values) * most_tokens)


def weighted_likelihood(logprobs: Tensor, weights: Tensor) -> Tensor:
    """Minus the weighted mean of tokens' log-probabilities: cross-entropy in nats where all weights are 0 or 1.

    logprobs, weights: (B, T); weights >= 0. Where all are 0, the mean is.
    """
    return -(weights * logprobs).sum() / weights.sum().clamp(min=torch.finfo(weights.dtype).tiny)


def reinforce(logprobs: Tensor, advantages: Tensor, mask: Tensor, how: Aggregation, most_tokens: int) -> Tensor:
    """-A log p of each token (Williams 1992). logprobs, mask: (B, T); advantages: (B, T) or (B, 1)."""
    return aggregated(-advantages * logprobs, mask, how, most_tokens)


def clipped_policy(
    logprobs: Tensor,
    old_logprobs: Tensor,
    advantages: Tensor,
    mask: Tensor,
    clip: tuple[float, float],
    ratio: Literal["token", "sequence"],
    how: Aggregation,
    most_tokens: int,
) -> Tensor:
    """-min(r A, clamp(r, 1 - clip[0], 1 + clip[1]) A), r = p / p_old (Schulman et al. 2017, arXiv 1707.06347, eq. 7).

    logprobs, old_logprobs, mask: (B, T); advantages: (B, T) or (B, 1). ratio: of each token; or of each reply, whose
    tokens' ratios are multiplied, as in TRL's RLOO: then the mean is over replies, and advantages must be (B, 1).
    """
    log_ratio = (logprobs - old_logprobs).masked_fill(~mask, 0.0)
    if ratio == "sequence":
        log_ratio = log_ratio.sum(1, keepdim=True)
    ratios = log_ratio.exp()
    clipped = ratios.clamp(1 - clip[0], 1 + clip[1])
    losses = -torch.min(ratios * advantages, clipped * advantages)
    return losses.mean() if ratio == "sequence" else aggregated(losses, mask, how, most_tokens)


def value(values: Tensor, old_values: Tensor, returns: Tensor, mask: Tensor, clip: float) -> Tensor:
    """Half the mean squared error of the critic, the greater of that of its values and of its values no further than
    `clip` from before (PPO's code of OpenAI 2017). All: (B, T)."""
    near = old_values + (values - old_values).clamp(-clip, clip)
    errors = torch.max((values - returns).square(), (near - returns).square())
    return aggregated(errors, mask, "token_mean") / 2


def preference(
    chosen: Tensor,
    rejected: Tensor,
    margin: Tensor | float = 0.0,
    centring: float = 0.0,
    weights: Tensor | None = None,
) -> Tensor:
    """-log sigma(r_chosen - r_rejected - margin): Bradley and Terry (1952), as in Ouyang et al. (2022), eq. 1; the
    margin of Touvron et al. (2023). centring: weight of the squared sum of both scores, which keeps their mean near 0
    (Eisenstein et al. 2023). chosen, rejected: (B,) scores. weights: (B,), which sum to 1; None: equal ones."""
    losses = -F.logsigmoid(chosen - rejected - margin)
    mean = losses.mean() if weights is None else (weights * losses).sum()
    return mean + centring * (chosen + rejected).square().mean()


def dpo(
    chosen_log_ratios: Tensor,
    rejected_log_ratios: Tensor,
    beta: float,
    label_noise: float = 0.0,
    weights: Tensor | None = None,
) -> Tensor:
    """-log sigma(beta (Delta_chosen - Delta_rejected)), Delta = log p / p_reference of a whole reply.

    Rafailov et al. (2023), arXiv 2305.18290, eq. 7. label_noise: the share of pairs that are the wrong way round, for
    an unbiased loss (robust DPO: Chowdhury et al. 2024, arXiv 2403.00409, eq. 12); below 1/2. Ratios: (B,).
    weights: (B,), which sum to 1; None: equal ones.
    """
    margins = beta * (chosen_log_ratios - rejected_log_ratios)
    as_said, turned = F.logsigmoid(margins), F.logsigmoid(-margins)
    losses = -((1 - label_noise) * as_said - label_noise * turned) / (1 - 2 * label_noise)
    return losses.mean() if weights is None else (weights * losses).sum()


def ipo(
    chosen_log_ratios: Tensor,
    rejected_log_ratios: Tensor,
    beta: float,
    chosen_lengths: Tensor | None = None,
    rejected_lengths: Tensor | None = None,
    weights: Tensor | None = None,
) -> Tensor:
    """(Delta_chosen - Delta_rejected - 1 / (2 beta))^2 (Azar et al. 2023, arXiv 2310.12036, eq. 17).

    Ratios: (B,), of whole replies. Lengths: (B,); each ratio is divided by its reply's length, as in TRL; None: it
    isn't, as in the paper. weights: (B,), which sum to 1; None: equal ones.
    """
    if chosen_lengths is not None and rejected_lengths is not None:
        chosen_log_ratios = chosen_log_ratios / chosen_lengths
        rejected_log_ratios = rejected_log_ratios / rejected_lengths
    losses = (chosen_log_ratios - rejected_log_ratios - 1 / (2 * beta)).square()
    return losses.mean() if weights is None else (weights * losses).sum()
