"""Whether two orders of the same models agree: Kendall's tau-b (1945), with an interval over seeds.

scipy's kendalltau gives the same (tests/harness/statistics/test_order.py); its import takes most of a second.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.statistics.arrays import Floats
from harness.statistics.estimate import CONFIDENCE, Estimate
from harness.statistics.resampling import GENERATOR_SEED, NUM_RESAMPLES


def kendall_tau(a: Floats, b: Floats) -> Floats:
    """Tau-b of rows (..., M): 1 where all pairs are in the same order, -1 where all are reversed; NaN where all values
    of a row are equal."""
    first, second = np.triu_indices(a.shape[-1], k=1)
    of_a, of_b = (np.sign(side[..., first] - side[..., second]) for side in (a, b))
    with np.errstate(invalid="ignore"):
        tau: Floats = (of_a * of_b).sum(axis=-1) / np.sqrt((of_a**2).sum(axis=-1) * (of_b**2).sum(axis=-1))
    return tau


def agreement(early: Sequence[Floats], late: Sequence[Floats]) -> Estimate:
    """Tau of the models' means over seeds, early against late. early, late: of each model (S), seed by seed.

    The interval is the percentile bootstrap over each model's seeds, one fewer drawn than there are (Rao & Wu 1988);
    none where some model has one seed.
    """
    tau = float(kendall_tau(*(np.array([own.mean() for own in side]) for side in (early, late))))
    num_models = len(early)
    if np.isnan(tau):
        return Estimate(None, 0, num_models, reason="all values are equal")
    if any(len(own) == 1 for own in early):
        return Estimate(tau, num_models, num_models, reason="one seed: no interval")
    generator = np.random.default_rng([GENERATOR_SEED, 7])
    drawn = [generator.integers(0, len(own), size=(NUM_RESAMPLES, len(own) - 1)) for own in early]
    sides = [
        np.stack([own[places].mean(axis=1) for own, places in zip(side, drawn, strict=True)], axis=1)
        for side in (early, late)
    ]
    tail = (1 - CONFIDENCE) / 2
    low, high = np.nanquantile(kendall_tau(*sides), [tail, 1 - tail])
    return Estimate(tau, num_models, num_models, None, float(low), float(high))
