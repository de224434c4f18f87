"""Weighted likelihood on families that count: the known optimum of an enumerable world, and its cost."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from harness.training.post.stage import StageBudget
from harness.training.post.weighted_likelihood import WeightedLikelihood
from models.adapted import Adapted
from tests.harness.training.post.families_in_the_world import REWARDS, SHARED, distances, family
from tests.harness.training.post.made import made


@pytest.mark.parametrize("rounds", [1, pytest.param(5, marks=pytest.mark.campaign)])
def test_counts_reach_the_known_optimum(rounds: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options: dict[str, Any] = {**SHARED, "budget": StageBudget(episodes=40_960), "prompts_per_step": 64}
    stage = WeightedLikelihood(rewards=REWARDS, **options, replies_per_prompt=16, rounds=rounds)
    before, after = distances(stage, family("ngram"), tmp_path, monkeypatch)
    assert before > 0.15
    assert after < 0.03


@pytest.mark.campaign
def test_rounds_of_the_best_reply_move_on_past_the_optimum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    after = []
    for rounds in (1, 5):
        options: dict[str, Any] = {**SHARED, "prompts_per_step": 64, "replies_per_prompt": 4, "rounds": rounds}
        stage = WeightedLikelihood(rewards=REWARDS, weighting="best", **options)
        after.append(distances(stage, family("ngram"), tmp_path, monkeypatch)[1])
    assert after[1] > after[0] > 0.05


STAGE = ["rewards=[length]", "rewards.length.weight=-1", "post=[reward_weighted]"]
STAGE += ["post.reward_weighted.budget.episodes=2048"]
STAGE += [f"post.reward_weighted.{key}" for key in ("prompts_per_step=16", "replies_per_prompt=8", "rounds=4")]
STAGE += [f"post.reward_weighted.{key}" for key in ("max_new_tokens=24", "cut_reward=null")]


@pytest.mark.parametrize("family", [["model=ngram", "model.order=4"], ["model=unigram"]])
def test_the_reward_rises_and_the_cost_is_in_the_facts(family: list[str], tmp_path: Path) -> None:
    before, after = made(tmp_path, *family), made(tmp_path, *family, *STAGE)
    assert isinstance(after.model, Adapted)
    [stage] = after.facts["stages"]
    assert stage["spent"]["episodes"] == 2048 + 2 * 512
    assert stage["spent"]["read_tokens"] > stage["spent"]["written_tokens"] > 0
    assert stage["reward_after"] > stage["reward_before"]
    assert 0 < stage["kl_nats_after"] < 100
    assert after.facts["spent"]["tokens"] == before.facts["spent"]["tokens"] + stage["spent"]["tokens"]
    curve = after.curve()
    assert len(curve) == 4
    assert curve["kl_nats"].iloc[0] == 0
    assert math.isfinite(curve["validation_bits_per_byte"].iloc[-1])


def test_a_stage_that_is_done_again_makes_the_same_counts(tmp_path: Path) -> None:
    short = ["post.reward_weighted.budget.episodes=256", "model=bigram"]
    one, other = (made(tmp_path / name, *STAGE, *short).model.tensors() for name in ("one", "other"))
    assert [name for name, value in one.items() if not torch.equal(value, other[name])] == []


def test_what_learns_nothing_is_left_as_it_is(tmp_path: Path) -> None:
    before, after = made(tmp_path, "model=uniform"), made(tmp_path, "model=uniform", *STAGE)
    tokens = torch.arange(20)[None]
    assert torch.equal(before.model.logprobs(tokens), after.model.logprobs(tokens))
    assert after.facts["spent"] == before.facts["spent"]
