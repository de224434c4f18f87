"""What picking the best of n replies would gain: what a stage is set beside, for the same fit before it.

From m replies to each prompt, the expected reward of the best of n of them is estimated without bias, over all ways to
choose n: the i-th lowest of m is the best of C(i - 1, n - 1) of the C(m, n) choices. Its KL from the fit is at most
log n - (n - 1) / n nats (Beirami et al. 2024).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from harness.statistics.arrays import Floats


def best_of_n(rewards: Sequence[float], golds: Sequence[float] | None, group: int) -> list[dict[str, float]]:
    """By n, the powers of 2 up to group: the mean reward of the reply with the best one, and its gold, where known.
    rewards, golds: of each reply, those to one prompt (a group) after another."""
    of_prompts = np.array(rewards, dtype=np.float64).reshape(-1, group)
    gold_of = None if golds is None else np.array(golds, dtype=np.float64).reshape(-1, group)
    points = []
    for n in (2**power for power in range(group.bit_length()) if 2**power <= group):
        shares = np.stack([_shares(row, n) for row in of_prompts])
        point = {"n": float(n), "kl_nats": math.log(n) - (n - 1) / n}
        point["reward"] = float((shares * of_prompts).sum(axis=1).mean())
        if gold_of is not None:
            point["gold"] = float((shares * gold_of).sum(axis=1).mean())
        points.append(point)
    return points


def _shares(rewards: Floats, n: int) -> Floats:
    """(m,): how often each reply is the best of n; equal ones share."""
    size = len(rewards)
    by_place = np.array([math.comb(place, n - 1) for place in range(size)]) / math.comb(size, n)
    shares = np.empty(size)
    order = np.argsort(rewards, kind="stable")
    shares[order] = by_place
    for value in np.unique(rewards):
        alike = rewards == value
        shares[alike] = shares[alike].mean()
    return shares
