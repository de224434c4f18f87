"""The options of weighted likelihood."""

from __future__ import annotations

from typing import Any

import pytest

from harness.completion.reward import Reward
from harness.training.post.stage import StageBudget
from harness.training.post.weighted_likelihood import WeightedLikelihood
from models.settings.adapted import AdaptedConfig
from models.settings.gru import GRUConfig
from models.settings.ngram import NGramConfig
from rewards.length import Length

REWARDS: dict[str, Reward] = {"length": Length()}


def test_rounds_are_equal_shares_of_the_episodes() -> None:
    stage = WeightedLikelihood(rewards=REWARDS, budget=StageBudget(episodes=4096), rounds=4)
    assert stage.steps_per_round == 4096 // (4 * 32 * 4)
    assert WeightedLikelihood(rewards=REWARDS, budget=StageBudget(episodes=1), rounds=4).steps_per_round == 1


@pytest.mark.parametrize(
    ("options", "allowed"),
    [
        ({"budget": StageBudget(seconds=1.0)}, "one with episodes, which rounds share"),
        ({"beta": 0}, "above 0"),
        ({"replies_per_prompt": 1}, "2 or more"),
        ({"rounds": 0}, "1 or more"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], allowed: str) -> None:
    with pytest.raises(ValueError, match=allowed):
        WeightedLikelihood(rewards=REWARDS, **options)


def test_families_that_count_get_counts_above_them() -> None:
    stage = WeightedLikelihood(rewards=REWARDS)
    assert stage.changed(GRUConfig()) == GRUConfig()
    assert stage.changed(NGramConfig()) == AdaptedConfig(NGramConfig(), stage.adaptation)
    assert stage.why_not(NGramConfig(), "rejection") is None
