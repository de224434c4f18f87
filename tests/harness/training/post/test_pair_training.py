"""Pairs on families: the known optimum of an enumerable world, the first loss, kills and costs."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from harness.training.post.pair_training import PairTraining
from harness.training.post.pairs import Pairs
from harness.training.post.stage import Bench, StageBudget
from harness.training.post.writer import Writer
from harness.training.settings import Training
from models.neural_model import NeuralModel
from tests.harness.training.checkpoints import killed_after
from tests.harness.training.post.families_in_the_world import REWARDS, SHARED, Nothing, distances, family
from tests.harness.training.post.made import SMALL_GRU, corpus, made
from tests.toys import LetterTokenizer


@pytest.mark.campaign
@pytest.mark.parametrize("name", ["gru", "tilted"])
def test_dpo_comes_near_the_known_optimum(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options: dict[str, Any] = {**SHARED, "budget": StageBudget(episodes=40_000), "prompts_per_step": 64}
    stage = Pairs(rewards=REWARDS, **options, learning_rate_share=1.0)
    before, after = distances(stage, family(name), tmp_path, monkeypatch)
    assert before > 0.15
    assert after < 0.1


PAIRS = [f"post.KIND.{key}" for key in ("budget.episodes=80", "prompts_per_step=4", "max_new_tokens=12")]
PAIRS += ["post=[KIND]", "rewards=[length]", "post.KIND.cut_reward=null", "post.KIND.learning_rate_share=1.0"]


@pytest.mark.parametrize(("kind", "first_loss"), [("dpo", math.log(2)), ("ipo", (1 / 0.6) ** 2)])
def test_the_first_loss_is_that_of_a_model_that_has_no_preference(kind: str, first_loss: float, tmp_path: Path) -> None:
    fit = made(tmp_path, *SMALL_GRU, *(option.replace("KIND", kind) for option in PAIRS), "training.num_curve_rows=50")
    curve = fit.curve()
    assert curve["train_loss_nats"].iloc[0] == pytest.approx(first_loss, abs=1e-5)
    assert {"better_log_ratio", "worse_log_ratio", "pair_accuracy"} <= {*curve.columns}
    [stage] = fit.facts["stages"]
    # the replies before and after the stage that say what it came to are not rated
    assert stage["spent"]["ratings"] == 40
    assert stage["spent"]["episodes"] == 80 + 2 * 128


@pytest.mark.campaign
def test_a_stage_that_was_killed_ends_with_the_same_weights(tmp_path: Path) -> None:
    often = [*SMALL_GRU, "training.checkpoint_seconds=1e-9"]
    options = [option.replace("KIND", "dpo") for option in PAIRS]
    alone = made(tmp_path / "alone", *often, *options)
    made(tmp_path / "killed", *often)
    for after in (2, 3):
        with killed_after(after):
            made(tmp_path / "killed", *often, *options)
    again = made(tmp_path / "killed", *often, *options)
    expected, got = alone.model.tensors(), again.model.tensors()
    assert [name for name in expected if not torch.equal(expected[name], got[name])] == []


def test_parts_of_a_step_add_up_to_the_whole(tmp_path: Path) -> None:
    model = family("gru")
    assert isinstance(model, NeuralModel)
    stage = Pairs(rewards=REWARDS, max_new_tokens=4, prompts_per_step=5, cut_reward=None)
    bench = Bench("dpo", LetterTokenizer(3), corpus(), Training(), 0, tmp_path, print)
    loop = PairTraining(stage, family("gru"), Writer(stage, bench, model, Nothing()))  # type: ignore[arg-type]
    batch = loop.batch(model, 0, None)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    whole, _ = loop.loss(model, batch, None)
    parts = [part for _, part in batch.parts(4 * batch.inputs.shape[1])]
    assert [len(part.inputs) for part in parts] == [4, 4, 2]
    total = sum(loop.loss(model, part, None)[0] * loop.share(part, batch) for part in parts)
    torch.testing.assert_close(total, whole)
