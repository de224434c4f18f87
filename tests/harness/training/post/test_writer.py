"""Replies are judged by a reward that is standardised under the reference."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch

from harness.common.errors import UserError
from harness.completion.reward import Reply, Reward
from harness.training.post.policy_gradient import PolicyGradient
from harness.training.post.rollouts import is_cut
from harness.training.post.stage import Bench
from harness.training.post.writer import Writer
from harness.training.settings import Training
from models.settings.gru import GRUConfig
from rewards.length import Length
from tests.harness.training.post.families_in_the_world import Nothing
from tests.harness.training.post.made import corpus
from tests.toys import LetterTokenizer


def test_under_the_reference_the_mean_is_0_and_the_deviation_1(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = GRUConfig(d_model=8).build(4, 3).on(torch.device("cpu"))
    stage = PolicyGradient(rewards={"length": Length(weight=-2.0)}, max_new_tokens=8, cut_reward=-5.0)
    bench = Bench("rloo", LetterTokenizer(3), corpus(), Training(), 0, tmp_path, print)
    writer = Writer(stage, bench, model, Nothing())  # type: ignore[arg-type]
    replies = writer.write(model, Nothing().take(0, 64), "standard")
    rewards, standardised = writer.judge(replies)
    assert rewards == [-2.0 * len(reply.completion.text) for reply in replies]
    lengths = np.array(rewards, dtype=float)
    assert (writer.mean, writer.deviation) == pytest.approx((lengths.mean(), lengths.std(ddof=1)))
    for reply, reward, value in zip(replies, rewards, standardised.tolist(), strict=True):
        assert reward is not None
        expected = -5.0 if is_cut(reply.completion) else (reward - lengths.mean()) / lengths.std(ddof=1)
        assert value == pytest.approx(expected, abs=1e-5)
    assert writer.spent.episodes == 256
    assert writer.spent.written_tokens == sum(len(reply.completion.tokens) for reply in replies)


@dataclass(frozen=True, kw_only=True)
class Silent(Reward):
    """It can't say anything."""

    name: ClassVar[str] = "silent"
    version: ClassVar[int] = 1

    def score(self, reply: Reply) -> None:
        return None


def test_a_reward_that_can_t_say_anything_is_refused(tmp_path: Path) -> None:
    model = GRUConfig(d_model=8).build(4, 3).on(torch.device("cpu"))
    stage = PolicyGradient(rewards={"silent": Silent()}, max_new_tokens=8, cut_reward=None)
    bench = Bench("rloo", LetterTokenizer(3), corpus(), Training(), 0, tmp_path, print)
    with pytest.raises(UserError, match=r"rewards=\[silent\] can't say anything of replies to conversations"):
        Writer(stage, bench, model, Nothing())  # type: ignore[arg-type]


def test_what_a_stage_came_to_is_known_from_replies_before_and_after(tmp_path: Path) -> None:
    torch.manual_seed(0)
    models = [GRUConfig(d_model=8).build(4, 3).on(torch.device("cpu")) for _ in range(2)]
    stage = PolicyGradient(rewards={"length": Length()}, max_new_tokens=8)
    bench = Bench("rloo", LetterTokenizer(3), corpus(), Training(), 0, tmp_path, print)
    writer = Writer(stage, bench, models[0], Nothing())  # type: ignore[arg-type]
    facts, spent = writer.outcome(models[1])
    replies = writer.write(models[1], Nothing().take(0, 64), "outcome")
    assert facts["empty_replies_after"] == np.mean([not reply.completion.text.strip() for reply in replies])
    assert isinstance(facts["gamed"], list)
    assert facts["reward_before"] == writer.mean
    assert facts["reward_after"] == pytest.approx(np.mean([len(reply.completion.text) for reply in replies]))
    tokens = [torch.tensor([reply.completion.tokens]) for reply in replies]
    one, other = (np.mean([float(model.token_logprobs(each).sum()) for each in tokens]) for model in models)
    assert facts["kl_nats_after"] == pytest.approx(other - one, abs=1e-4)
    assert spent.episodes == 256
    assert spent.flops == models[1].cost().flops_per_token * spent.read_tokens
