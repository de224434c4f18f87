"""What stages share that learn from their own replies."""

from __future__ import annotations

import pytest
import torch

from harness.completion.reward import Reply
from harness.completion.sequence import Completion, Prompt
from harness.training.post.replies_training import measures_of, refuse_difference
from models.settings.gru import GRUConfig


def test_the_measures_of_a_step() -> None:
    def reply(num_tokens: int, is_cut: bool) -> Reply:
        zeros = (0.0,) * num_tokens
        completion = Completion("", (1,) * num_tokens, zeros, zeros, "length" if is_cut else "stop", None)
        return Reply(Prompt("", 9), completion)

    replies = [reply(2, False), reply(9, True), reply(1, False), reply(4, False)]
    measures = measures_of([1.0, None, 2.0, 3.0], replies, torch.tensor([0.5, 1.0, 1.5, 1.0]))
    assert measures == {"reward": 2.0, "kl_nats": 1.0, "reply_tokens": 4.0, "cut_replies": 0.25}


def test_a_model_that_writes_otherwise_than_it_is_trained_is_refused() -> None:
    model = GRUConfig(d_model=8).build(4, 3)
    refuse_difference(model, 1e-4)
    with pytest.raises(RuntimeError, match=r"model=gru gives a reply's token another log-probability.*0.5 nats"):
        refuse_difference(model, 0.5)
