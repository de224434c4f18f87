"""A correction as a stage: it changes nothing, and gives every family every stage."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from models.tilted import Tilted
from tests.harness.training.post.made import SMALL_GRU, made

FAMILIES = {
    "uniform": ["model=uniform"],
    "unigram": ["model=unigram"],
    "ngram": ["model=ngram", "model.order=4"],
    "gru": SMALL_GRU,
    "mixture": ["model=mixture", "model@model.members.first=unigram", "model@model.members.second=bigram"],
}


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_is_as_it_was_and_then_a_reward_rises(name: str, tmp_path: Path) -> None:
    family = FAMILIES[name]
    before, above = made(tmp_path, *family), made(tmp_path, *family, "post=[tilted]")
    assert isinstance(above.model, Tilted)
    tokens = torch.arange(3, 23)[None]
    torch.testing.assert_close(above.model.logprobs(tokens), before.model.logprobs(tokens), rtol=0, atol=2e-6)
    assert above.facts["stages"][0]["spent"]["tokens"] == 0
    options = ["budget.episodes=256", "prompts_per_step=8", "max_new_tokens=12", "cut_reward=null"]
    stage = [f"post.rloo.{option}" for option in options]
    after = made(tmp_path, *family, "post=[tilted,rloo]", "rewards=[length]", *stage)
    assert after.facts["stages"][1]["reward_after"] > after.facts["stages"][1]["reward_before"]
    assert not torch.equal(after.model.logprobs(tokens), before.model.logprobs(tokens))


@pytest.mark.parametrize("stage", ["sft", "reward_weighted", "ppo", "dpo"])
def test_counts_take_every_stage(stage: str, tmp_path: Path) -> None:
    options = ["budget.tokens=2000"] if stage == "sft" else ["budget.episodes=64", "max_new_tokens=8"]
    options += [] if stage == "sft" else ["prompts_per_step=8", "cut_reward=null"]
    fit = made(
        tmp_path, "model=bigram", "rewards=[length]", f"post=[tilted,{stage}]",
        *(f"post.{stage}.{option}" for option in options),
    )  # fmt: skip
    assert isinstance(fit.model, Tilted)
    assert bool(fit.model.theta.any())
