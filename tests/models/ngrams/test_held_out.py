"""Interpolation weights against a general optimiser."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from models.ngrams.held_out import choose_weights


def log_likelihood(weights: np.ndarray, shares: np.ndarray, buckets: np.ndarray, below: np.ndarray) -> float:
    """The log-likelihood of the text and of two pseudo-observations of each weight, one for and one against."""
    total = float(np.log(weights).sum() + np.log(1 - weights).sum())
    for row, own, lowest in zip(shares, buckets, below, strict=True):
        probability = lowest
        for share, bucket in zip(row, own, strict=True):
            if bucket >= 0:
                probability = weights[bucket] * share + (1 - weights[bucket]) * probability
        total += float(np.log(probability))
    return total


def test_the_weights_are_those_that_a_general_optimiser_finds() -> None:
    rng = np.random.default_rng(0)
    shares, below = rng.beta(0.5, 1.5, (60, 3)), rng.uniform(0.05, 0.3, 60)
    buckets = rng.integers(-1, 4, (60, 3))
    ours = choose_weights(shares, buckets, below, 4)
    theirs = minimize(
        lambda weights: -log_likelihood(weights, shares, buckets, below),
        np.full(4, 0.5),
        bounds=[(1e-6, 1 - 1e-6)] * 4,
        method="L-BFGS-B",
        options={"ftol": 1e-14, "gtol": 1e-10},
    )
    assert ours == pytest.approx(theirs.x, abs=1e-3)


def test_contexts_without_evidence_keep_an_even_weight() -> None:
    weights = choose_weights(np.array([[0.9]]), np.array([[1]]), np.array([0.1]), 3)
    assert weights[[0, 2]].tolist() == [0.5, 0.5]
    assert weights[1] > 0.5
