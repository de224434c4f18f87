"""Policy gradients on families: the known optimum of an enumerable world, kills, costs, and what can't be learnt."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from harness.common.errors import UserError
from harness.training.post.policy import PolicyTraining
from harness.training.post.policy_gradient import CriticOptions, PolicyGradient
from harness.training.post.replies_training import Judged
from harness.training.post.rollouts import Rows
from harness.training.post.stage import Bench
from harness.training.post.writer import Writer
from harness.training.settings import Training
from models.neural_model import NeuralModel
from tests.harness.training.checkpoints import killed_after
from tests.harness.training.post.families_in_the_world import REWARDS, SHARED, Nothing, distances, family
from tests.harness.training.post.made import SMALL_GRU, corpus, made
from tests.toys import LetterTokenizer

PRESETS: dict[str, dict[str, Any]] = {
    "rloo": {"baseline": "leave_one_out", "aggregate": "constant"},
    "grpo": {"baseline": "group_mean", "scale": "group", "aggregate": "sequence_sum"},
    "ppo": {
        "baseline": "critic", "scale": "batch", "epochs": 2, "aggregate": "token_mean", "prompts_per_step": 128,
        "replies_per_prompt": 1,
    },
}  # fmt: skip


QUICK = [("tilted", "rloo")]
"""A family and an algorithm that reach the optimum in every run of the tests; a campaign takes the others."""
OTHERS = [
    ("transformer", "rloo"),
    *(pair for pair in itertools.product(("gru", "tilted"), PRESETS) if pair not in QUICK),
]


@pytest.mark.parametrize(
    ("name", "preset"), [*QUICK, *(pytest.param(*pair, marks=pytest.mark.campaign) for pair in OTHERS)]
)
def test_a_family_reaches_the_known_optimum(
    name: str, preset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"prompts_per_step": 16, "learning_rate_share": 1.0, **PRESETS[preset]}
    stage = PolicyGradient(rewards=REWARDS, **SHARED, **options)
    before, after = distances(stage, family(name), tmp_path, monkeypatch)
    assert before > 0.15
    assert after < 0.03


def test_a_critic_s_advantages_are_sums_of_surprises(tmp_path: Path) -> None:
    """Equation 16 of Schulman et al. (2016), summed as it is written."""
    decay, beta = 0.6, 0.7
    stage = PolicyGradient(
        rewards=REWARDS, max_new_tokens=4, replies_per_prompt=1, beta=beta, cut_reward=None, baseline="critic",
        critic=CriticOptions(decay=decay, warmup_steps=0),
    )  # fmt: skip
    model = family("gru")
    assert isinstance(model, NeuralModel)
    bench = Bench("ppo", LetterTokenizer(3), corpus(), Training(), 0, tmp_path, print)
    loop = PolicyTraining(stage, model, Writer(stage, bench, model, Nothing()))  # type: ignore[arg-type]
    assert loop.critic is not None
    torch.manual_seed(1)
    mask = torch.tensor([[0, 1, 1, 1], [1, 1, 0, 0], [0, 0, 1, 0]]).bool()
    logprobs, before = (-torch.rand(3, 4).masked_fill(~mask, 0.0) for _ in range(2))
    inputs, rewards = torch.randint(0, 3, (3, 4)), torch.tensor([1.0, -0.5, math.nan])
    judged = Judged([], Rows(inputs, inputs, 6, mask), mask, logprobs, before, rewards)
    with torch.no_grad():
        loop.critic.weight.normal_()
        values = loop.critic.expected(model.features(inputs))
        loop.critic.begin = lambda mean: None  # type: ignore[method-assign]
        weights, _ = loop.weigh(model, judged, step=0)
    for row, places in enumerate([[1, 2, 3], [0, 1]]):
        for number, place in enumerate(places):
            surprises = []
            for later in places[number:]:
                is_last = later == places[-1]
                reward = float(rewards[row] * is_last - beta * (logprobs - before)[row, later])
                after = 0.0 if is_last else float(values[row, later + 1])
                surprises.append(reward + after - float(values[row, later]))
            expected = sum(decay**step * surprise for step, surprise in enumerate(surprises))
            assert float(weights[row, place]) == pytest.approx(expected, abs=1e-5)
    assert not weights[2].any()


RLOO = ["post=[rloo]", "rewards=[length]", "post.rloo.budget.episodes=80", "post.rloo.prompts_per_step=4"]
RLOO += ["post.rloo.replies_per_prompt=2", "post.rloo.max_new_tokens=12", "post.rloo.cut_reward=null"]
RLOO += ["post.rloo.learning_rate_share=1.0"]


def test_the_stage_s_cost_and_its_measures_are_in_the_facts(tmp_path: Path) -> None:
    fit = made(tmp_path, *SMALL_GRU, *RLOO)
    [stage] = fit.facts["stages"]
    # replies to 64 prompts before the stage standardise the reward, and those after it say what it came to
    assert stage["spent"]["episodes"] == 80 + 2 * 128
    assert stage["spent"]["read_tokens"] > stage["spent"]["written_tokens"] > 80
    assert stage["spent"]["flops"] > 0
    assert math.isfinite(stage["reward_after"])
    curve = fit.curve()
    assert {"reward", "kl_nats", "reply_tokens", "cut_replies", "equal_groups"} <= {*curve.columns}
    assert abs(curve["kl_nats"].iloc[0]) < abs(curve["kl_nats"].iloc[-1])


@pytest.mark.parametrize("preset", [pytest.param("rloo", marks=pytest.mark.campaign), "ppo"])
def test_a_stage_that_was_killed_ends_with_the_same_weights(preset: str, tmp_path: Path) -> None:
    often = [*SMALL_GRU, "training.checkpoint_seconds=1e-9"]
    options = [option.replace("rloo", preset) for option in RLOO]
    alone = made(tmp_path / "alone", *often, *options)
    made(tmp_path / "killed", *often)
    for after in (2, 3):
        with killed_after(after):
            made(tmp_path / "killed", *often, *options)
    again = made(tmp_path / "killed", *often, *options)
    expected, got = alone.model.tensors(), again.model.tensors()
    assert [name for name in expected if not torch.equal(expected[name], got[name])] == []
    assert {**again.facts["stages"][0]["spent"], "seconds": 0} == {**alone.facts["stages"][0]["spent"], "seconds": 0}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["rewards=[right_answer]"], r"all 10 replies .* get the same from rewards=\[right_answer\]: 0"),
        (["rewards=[keeps_to_own_lines]", "post.rloo.max_new_tokens=1"], r"all 128 replies .* get the same"),
        (["post.rloo.cut_reward=-1", "post.rloo.max_new_tokens=1"], r"cut after 1 tokens.*post=\[sft,rloo\]"),
        (["post.rloo.prompts=sums"], r"rloo asks sums.*has none.*post.rloo.prompts=conversations"),
        (["model=ngram"], r"rloo can't be done. model=ngram has no gradients.*post=\[tilted,rloo\]"),
        (["rewards=[]"], r"rewards"),
        (
            ["model=transformer", "model.context_length=12", "model.d_model=16", "model.num_heads=2"],
            r"post.rloo.max_new_tokens=12 leaves no room for a prompt in the model's window of 12. Lower it",
        ),
        (
            ["model=ngram", "model.smoothing=stupid_backoff", "post=[tilted,rloo]"],
            r"tilted can't be done with this model: its smoothing=stupid_backoff gives scores.*Pick another smoothing",
        ),
    ],
)
def test_what_can_t_be_learnt_is_refused_in_a_sentence(options: Sequence[str], words: str, tmp_path: Path) -> None:
    picks_model = any(option.startswith("model=") for option in options)
    with pytest.raises(UserError, match=words):
        made(tmp_path, *([] if picks_model else SMALL_GRU), *RLOO, *options)
