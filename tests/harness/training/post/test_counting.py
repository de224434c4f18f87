"""Counts above a family that counts."""

from __future__ import annotations

import numpy as np
import torch

from harness.training.post.counting import adapted, changes_nothing
from models.settings.adapted import Adaptation
from models.settings.gru import GRUConfig
from models.settings.uniform import UniformConfig
from models.settings.unigram import UnigramConfig


def test_only_a_family_that_learns_nothing_is_left_alone() -> None:
    configs = (UniformConfig(), UnigramConfig(), GRUConfig(d_model=8))
    assert [changes_nothing(config.build(5, 4)) for config in configs] == [True, False, False]


def test_weights_of_events_decide_and_held_out_events_say_how_much() -> None:
    model = UnigramConfig().build(5, 4)
    model.count(torch.tensor([4, 0, 1, 2, 3]))  # type: ignore[attr-defined]
    model.finish()  # type: ignore[attr-defined]
    events = [np.array([0, 1] * 50)], [np.array([1.0, 0.0] * 50)]
    above = adapted(model, Adaptation(0), events, events)
    assert float(above.start(1).logprobs[0, 0].exp()) > 0.99
