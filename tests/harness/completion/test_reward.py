"""Sums of rewards."""

from __future__ import annotations

from pathlib import Path

from harness.completion.reward import FinishedFit, Prepared, weighted_sum
from rewards.length import Length
from rewards.right_answer import RightAnswer
from tests.harness.ratings.made import material
from tests.rewards.replies import reply


def test_a_sum_is_weighted_and_leaves_out_what_can_t_be_said() -> None:
    rewards = {"length": Length(weight=0.5), "right_answer": RightAnswer(weight=10.0)}
    replies = [reply("19", target="19"), reply("191", target="19"), reply("1234")]
    assert weighted_sum(rewards, replies) == [11.0, 1.5, 2.0]
    assert weighted_sum({"right_answer": RightAnswer()}, replies) == [1.0, 0.0, None]
    assert weighted_sum({}, replies) == [None, None, None]


def test_a_reward_that_needs_nothing_is_its_own_before_a_stage_and_for_a_search(tmp_path: Path) -> None:
    of, length = material(tmp_path, []), Length(weight=2.0)
    assert length.prepared(of) == Prepared(length)
    assert length.of_fit(FinishedFit(of.model, of.tokenizer, [], of.results)) is length
    assert not length.is_made_of_ratings
