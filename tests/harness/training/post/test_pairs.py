"""The options of pairs."""

from __future__ import annotations

from typing import Any

import pytest

from harness.completion.reward import Reward
from harness.ratings.source import RatedBank
from harness.training.post.pairs import Pairs
from models.settings.ngram import NGramConfig
from rewards.length import Length

REWARDS: dict[str, Reward] = {"length": Length()}


@pytest.mark.parametrize(("options", "allowed"), [({"beta": 0}, "above 0"), ({"replies_per_prompt": 3}, "2: a pair")])
def test_wrong_options_are_refused(options: dict[str, Any], allowed: str) -> None:
    with pytest.raises(ValueError, match=allowed):
        Pairs(rewards=REWARDS, **options)


def test_families_that_count_can_t_make_a_reply_less_likely() -> None:
    assert "post=[tilted,dpo]" in str(Pairs(rewards=REWARDS).why_not(NGramConfig(), "dpo"))


def test_ratings_name_the_fit_only_where_they_are_learnt_from() -> None:
    ratings = RatedBank(name="mine")
    assert Pairs(rewards=REWARDS, ratings=ratings).ratings is None
    assert Pairs(rewards=REWARDS, ratings=ratings, pairs="rated").ratings == ratings
    with pytest.raises(ValueError, match="pairs='rated' is not allowed: it must be written where ratings is null"):
        Pairs(rewards=REWARDS, pairs="rated")
