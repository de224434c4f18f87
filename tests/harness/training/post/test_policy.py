"""Policy gradients on families: the known optimum of an enumerable world, kills, costs, and what can't be learnt."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from harness.common.errors import UserError
from harness.completion.reward import Reply, Reward
from harness.training.curve import Validation
from harness.training.gradients import GradientFit
from harness.training.post.policy import PolicyTraining
from harness.training.post.writer import Writer
from harness.training.post.policy_gradient import PolicyGradient
from harness.training.post.prompts import Asked
from harness.training.post.stage import Bench, StageBudget
from harness.training.settings import Training
from models.language_model import LanguageModel, NeuralModelConfig
from models.settings.gru import GRUConfig
from models.settings.transformer import TransformerConfig
from tests.harness.training.checkpoints import killed_after
from tests.harness.training.post.enumerable_world import END, LONGEST, REPLIES, world
from tests.harness.training.post.made import SMALL_GRU, corpus, made
from tests.toys import LetterTokenizer

WORLD = world()
TEXTS = {"".join("abc"[token] for token in reply if token != END): number for number, reply in enumerate(REPLIES)}


@dataclasses.dataclass(frozen=True, kw_only=True)
class OfTheWorld(Reward):
    """The world's reward of a reply."""

    name: ClassVar[str] = "of_the_world"
    version: ClassVar[int] = 1

    def score(self, reply: Reply) -> float:
        return float(WORLD.reward[TEXTS[reply.completion.text]])


class Nothing:
    """The empty prompt."""

    def take(self, first: int, count: int) -> list[Asked]:
        return [Asked("", np.zeros(0, np.int64))] * count


def log_probabilities(model: LanguageModel) -> Tensor:
    """(R,): of each reply of the world, float64. One of four letters is cut."""
    padded = torch.tensor([[*reply, *[END] * (LONGEST - len(reply))] for reply in REPLIES])
    scored = model.token_logprobs(padded).detach().double()
    lengths = torch.tensor([len(reply) for reply in REPLIES])
    return scored.masked_fill(torch.arange(LONGEST) >= lengths[:, None], 0.0).sum(1)


FAMILIES = {"gru": GRUConfig(d_model=32), "transformer": TransformerConfig(context_length=8, d_model=32, num_heads=2)}
PRESETS: dict[str, dict[str, object]] = {
    "rloo": {"baseline": "leave_one_out", "aggregate": "constant"},
    "grpo": {"baseline": "group_mean", "divides_by_deviation": True, "aggregate": "sequence_sum"},
}


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_reaches_the_known_optimum(family: str, preset: str, tmp_path: Path) -> None:
    config: NeuralModelConfig = dataclasses.replace(FAMILIES[family], learning_rate=0.01)
    torch.manual_seed(0)
    model = config.build(END + 1, END)
    stage = PolicyGradient(
        rewards={"of_the_world": OfTheWorld()}, budget=StageBudget(episodes=25_600), prompts_per_step=16,
        replies_per_prompt=4, max_new_tokens=LONGEST, beta=0.8, cut_reward=None, learning_rate_share=1.0,
        **PRESETS[preset],  # type: ignore[arg-type]
    )  # fmt: skip
    bench = Bench(preset, LetterTokenizer(3), corpus(), Training(), 0, tmp_path, print)
    reference = log_probabilities(model)
    before = copy.deepcopy(model).eval()
    writer = Writer(stage, bench, before, Nothing())  # type: ignore[arg-type]
    loop = PolicyTraining(stage, before, writer)
    loop.takes_share(1.0, preset)
    training = Training(warmup_fraction=0.0, final_learning_rate_fraction=0.0, weight_decay=0.0, num_validations=1)
    validation = Validation([np.array([0, 1, 2])], 3)
    GradientFit(model, loop, validation, training, stage.budget, 0, tmp_path).run(print)
    optimum = (reference + WORLD.reward / (stage.beta * writer.deviation)).log_softmax(0)
    distance_before = float((reference.exp() - optimum.exp()).abs().sum() / 2)
    after = float((log_probabilities(model).exp() - optimum.exp()).abs().sum() / 2)
    assert distance_before > 0.2
    assert after < 0.03


RLOO = ["post=[rloo]", "rewards=[length]", "post.rloo.budget.episodes=48", "post.rloo.prompts_per_step=4"]
RLOO += ["post.rloo.replies_per_prompt=2", "post.rloo.max_new_tokens=12", "post.rloo.cut_reward=null"]
RLOO += ["post.rloo.learning_rate_share=1.0"]


def test_the_stage_s_cost_and_its_measures_are_in_the_facts(tmp_path: Path) -> None:
    fit = made(tmp_path, *SMALL_GRU, *RLOO)
    [stage] = fit.facts["stages"]
    # 64 prompts before the stage standardise the reward
    assert stage["spent"]["episodes"] == 48 + 128
    assert stage["spent"]["read_tokens"] > stage["spent"]["written_tokens"] > 48
    assert stage["spent"]["flops"] > 0
    assert math.isfinite(stage["reward_at_end"])
    curve = fit.curve()
    assert {"reward", "kl_nats", "reply_tokens", "cut_replies", "equal_groups"} <= {*curve.columns}
    assert abs(curve["kl_nats"].iloc[0]) < abs(curve["kl_nats"].iloc[-1])


def test_a_stage_that_was_killed_ends_with_the_same_weights(tmp_path: Path) -> None:
    often = [*SMALL_GRU, "training.checkpoint_seconds=1e-9"]
    alone = made(tmp_path / "alone", *often, *RLOO)
    made(tmp_path / "killed", *often)
    for after in (2, 3):
        with killed_after(after):
            made(tmp_path / "killed", *often, *RLOO)
    again = made(tmp_path / "killed", *often, *RLOO)
    expected, got = alone.model.tensors(), again.model.tensors()
    assert [name for name in expected if not torch.equal(expected[name], got[name])] == []
    assert {**again.facts["stages"][0]["spent"], "seconds": 0} == {**alone.facts["stages"][0]["spent"], "seconds": 0}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["rewards=[right_answer]"], r"rewards=\[right_answer\] can't say anything of replies to conversations"),
        (["rewards=[keeps_to_own_lines]", "post.rloo.max_new_tokens=1"], r"all 128 replies .* get the same"),
        (["post.rloo.cut_reward=-1", "post.rloo.max_new_tokens=1"], r"cut after 1 tokens.*post=\[sft,rloo\]"),
        (["post.rloo.prompts=sums"], r"rloo asks sums.*has none.*post.rloo.prompts=conversations"),
        (["model=ngram"], r"rloo can't be done. model=ngram learns by counting"),
        (["rewards=[]"], r"rewards"),
    ],
)
def test_what_can_t_be_learnt_is_refused_in_a_sentence(options: Sequence[str], words: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=words):
        made(tmp_path, *([] if "model=ngram" in options else SMALL_GRU), *RLOO, *options)
