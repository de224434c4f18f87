"""Replies are judged by a reward that is standardised under the reference."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from harness.training.post.policy_gradient import PolicyGradient
from harness.training.post.prompts import Asked
from harness.training.post.rollouts import is_cut
from harness.training.post.stage import Bench
from harness.training.post.writer import Writer
from harness.training.settings import Training
from models.settings.gru import GRUConfig
from rewards.length import Length
from tests.harness.training.post.made import corpus
from tests.toys import LetterTokenizer


class Nothing:
    """The empty prompt."""

    def take(self, first: int, count: int) -> list[Asked]:
        return [Asked("", np.zeros(0, np.int64))] * count


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
