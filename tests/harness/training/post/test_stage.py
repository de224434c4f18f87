"""A stage's budget."""

from __future__ import annotations

import pytest

from harness.training.post.stage import StageBudget
from harness.training.spent import Spent


def test_the_limit_that_comes_first_ends_a_stage() -> None:
    budget = StageBudget(tokens=100, episodes=10)
    assert budget.fraction_spent(Spent(tokens=20, episodes=4)) == 0.4
    assert budget.fraction_spent(Spent(tokens=100)) == 1
    assert StageBudget(seconds=2.0).fraction_spent(Spent(tokens=10**9, seconds=1.0)) == 0.5


def test_a_budget_without_limits_or_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="no budget"):
        StageBudget()
    with pytest.raises(ValueError, match="episodes=0 is not allowed: it must be above 0, or null"):
        StageBudget(episodes=0)
