"""The estimators against polgrad 0.2.1, whose figures are stored, and against the sum over a vocabulary."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from harness.training.post import kl

PEER = json.loads((Path(__file__).parent / "polgrad.json").read_text(encoding="utf-8"))
ESTIMATORS = {"k1": kl.k1, "k2": kl.k2, "k3": kl.k3}


@pytest.mark.parametrize("name", list(ESTIMATORS))
def test_the_estimators_are_polgrads(name: str) -> None:
    logprobs, reference = (torch.tensor(PEER[side], dtype=torch.float64) for side in ("logprobs", "reference"))
    expected = torch.tensor(PEER[name], dtype=torch.float64)
    torch.testing.assert_close(ESTIMATORS[name](logprobs, reference), expected, rtol=0, atol=1e-12)


def test_k1_and_k3_have_the_kl_as_their_mean() -> None:
    generator = torch.Generator().manual_seed(0)
    policy, reference = (torch.randn(7, generator=generator).double().log_softmax(0) for _ in range(2))
    true = torch.distributions.kl_divergence(
        torch.distributions.Categorical(logits=policy), torch.distributions.Categorical(logits=reference)
    )
    torch.testing.assert_close(kl.exact(policy, reference), true)
    for estimator in (kl.k1, kl.k3):
        torch.testing.assert_close((policy.exp() * estimator(policy, reference)).sum(), true)
    assert (policy.exp() * kl.k2(policy, reference)).sum() != true
