"""Makes polgrad.json: advantages and estimators of polgrad 0.2.1 on random numbers.

polgrad is no dependency: it brings a plugin of pytest, which would load torch in every test run. To make it again:

    pip install --no-deps --target FOLDER polgrad==0.2.1
    PYTHONPATH=FOLDER python polgrad_figures.py > polgrad.json
"""

from __future__ import annotations

import json
import sys

import polgrad
import torch
from polgrad import GAEConfig, GroupNormConfig, KLEstimator

generator = torch.Generator().manual_seed(0)


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


rewards, groups = normal(3, 4), torch.arange(3).repeat_interleave(4)
mask = torch.arange(6) < torch.tensor([[6], [1], [3], [5]])
token_rewards, values = normal(4, 6) * mask, normal(4, 6) * mask
gae, _ = polgrad.gae(token_rewards, values, config=GAEConfig(gamma=0.9, lam=0.95), response_mask=mask)
returns, _ = polgrad.gae(token_rewards, values * 0, config=GAEConfig(gamma=1.0, lam=1.0), response_mask=mask)
logprobs, reference = -normal(4, 6).abs(), -normal(4, 6).abs()
everywhere = torch.ones_like(mask)
figures = {
    "rewards": rewards,
    "leave_one_out": polgrad.rloo_advantages(rewards.flatten(), groups).view(3, 4),
    "grpo": polgrad.grpo_advantages(rewards.flatten(), groups, GroupNormConfig()).view(3, 4),
    "dr_grpo": polgrad.grpo_advantages(rewards.flatten(), groups, GroupNormConfig(scale="none")).view(3, 4),
    "token_rewards": token_rewards,
    "values": values,
    "mask": mask,
    "gae": gae,
    "returns_to_go": returns,
    "whitened": polgrad.whiten(gae, mask),
    "logprobs": logprobs,
    "reference": reference,
    "k1": polgrad.kl_estimate(logprobs, reference, KLEstimator.K1, response_mask=everywhere),
    "k2": polgrad.kl_estimate(logprobs, reference, KLEstimator.K2, response_mask=everywhere),
    "k3": polgrad.kl_estimate(logprobs, reference, KLEstimator.K3, response_mask=everywhere),
}
json.dump({name: value.tolist() for name, value in figures.items()}, sys.stdout)
