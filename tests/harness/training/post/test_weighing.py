"""Weighted likelihood on families with gradients: the known optimum of an enumerable world, and kills."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from harness.training.post.weighted_likelihood import WeightedLikelihood
from tests.harness.training.checkpoints import killed_after
from tests.harness.training.post.families_in_the_world import REWARDS, SHARED, distances, family
from tests.harness.training.post.made import SMALL_GRU, made


@pytest.mark.parametrize("name", [pytest.param("gru", marks=pytest.mark.campaign), "tilted"])
def test_rounds_reach_the_known_optimum(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = WeightedLikelihood(
        rewards=REWARDS, **SHARED, prompts_per_step=4, replies_per_prompt=16, learning_rate_share=1.0
    )
    before, after = distances(stage, family(name), tmp_path, monkeypatch)
    assert before > 0.15
    assert after < 0.05


WEIGHTED = ["post=[reward_weighted]", "rewards=[length]", "post.reward_weighted.budget.episodes=96"]
WEIGHTED += [f"post.reward_weighted.{key}" for key in ("prompts_per_step=4", "replies_per_prompt=2", "rounds=3")]
WEIGHTED += [f"post.reward_weighted.{key}" for key in ("max_new_tokens=12", "cut_reward=null")]


def test_a_stage_that_was_killed_within_a_round_ends_with_the_same_weights(tmp_path: Path) -> None:
    often = [*SMALL_GRU, "training.checkpoint_seconds=1e-9"]
    alone = made(tmp_path / "alone", *often, *WEIGHTED)
    made(tmp_path / "killed", *often)
    for after in (2, 3):
        with killed_after(after):
            made(tmp_path / "killed", *often, *WEIGHTED)
    again = made(tmp_path / "killed", *often, *WEIGHTED)
    expected, got = alone.model.tensors(), again.model.tensors()
    assert [name for name in expected if not torch.equal(expected[name], got[name])] == []
    assert alone.facts["stages"][0]["reward_after"] == again.facts["stages"][0]["reward_after"]
