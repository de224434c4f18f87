"""The best of n by all ways to choose n, listed."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from harness.training.post.best_of_n import best_of_n


def listed(rewards: np.ndarray, golds: np.ndarray, n: int) -> tuple[float, float]:
    """The means over all choices of n replies to each prompt; of equally good ones each in turn."""
    best, gold = [], []
    for of_prompt, gold_of_prompt in zip(rewards, golds, strict=True):
        for chosen in itertools.combinations(range(len(of_prompt)), n):
            most = max(of_prompt[index] for index in chosen)
            alike = [index for index in chosen if of_prompt[index] == most]
            best.append(most)
            gold.append(np.mean([gold_of_prompt[index] for index in alike]))
    return float(np.mean(best)), float(np.mean(gold))


@pytest.mark.parametrize("group", [1, 4, 6, 8])
def test_it_is_the_mean_over_every_choice(group: int) -> None:
    rng = np.random.default_rng(group)
    rewards = rng.normal(size=(5, group)).round(3)
    golds = rng.normal(size=(5, group))
    points = best_of_n(rewards.ravel().tolist(), golds.ravel().tolist(), group)
    assert [point["n"] for point in points] == [n for n in (1, 2, 4, 8) if n <= group]
    for point in points:
        reward, gold = listed(rewards, golds, int(point["n"]))
        assert point["reward"] == pytest.approx(reward)
        assert point["gold"] == pytest.approx(gold)
        assert point["kl_nats"] == pytest.approx(math.log(point["n"]) - (point["n"] - 1) / point["n"])


def test_equal_rewards_share_and_gold_may_be_unknown() -> None:
    points = best_of_n([1.0, 1.0, 0.0, 0.0], [1.0, 2.0, 3.0, 4.0], 4)
    # of two of four: the two good ones are the best of 5 of 6 choices, the others of 1
    assert points[1]["reward"] == pytest.approx(5 / 6)
    assert points[1]["gold"] == pytest.approx(5 / 6 * 1.5 + 1 / 6 * 3.5)
    assert "gold" not in best_of_n([1.0, 0.0], None, 2)[0]
