"""How far a policy has moved from its reference: estimators of KL(policy || reference), in nats.

The first three see only the tokens that the policy drew, and are those of Schulman (2020), "Approximating KL
divergence": with r = log p_reference(x) - log p_policy(x) of a drawn token x,

    k1 = -r                unbiased; may be negative
    k2 = r^2 / 2           biased, low variance; its gradient is that of the KL
    k3 = exp(r) - 1 - r    unbiased, never negative

`exact` sums over the whole vocabulary at each token that was reached, which has less variance than any of them (a
Rao-Blackwell estimator; Amini et al. 2025, arXiv 2504.10637).

Part of a loss, the gradient of none of k1, k2, k3 for each token is that of the KL between sequences (Tang & Munos
2025, arXiv 2506.09477). The stages subtract k1 from the reward instead, and sum it over what follows each token.

Shape legend: B rows, T tokens, V vocabulary size.
"""

from __future__ import annotations

from torch import Tensor


def k1(logprobs: Tensor, reference_logprobs: Tensor) -> Tensor:
    """(...) of drawn tokens' log-probabilities (...)."""
    return logprobs - reference_logprobs


def k2(logprobs: Tensor, reference_logprobs: Tensor) -> Tensor:
    """(...) of drawn tokens' log-probabilities (...)."""
    return (logprobs - reference_logprobs).square() / 2


def k3(logprobs: Tensor, reference_logprobs: Tensor) -> Tensor:
    """(...) of drawn tokens' log-probabilities (...)."""
    log_ratio = reference_logprobs - logprobs
    return log_ratio.exp() - 1 - log_ratio


def exact(distributions: Tensor, reference_distributions: Tensor) -> Tensor:
    """(...): the KL of each distribution. Both are log-probabilities (..., V); what the first excludes adds nothing."""
    excluded = distributions.isneginf()
    return (distributions.exp() * (distributions - reference_distributions)).masked_fill(excluded, 0.0).sum(-1)
