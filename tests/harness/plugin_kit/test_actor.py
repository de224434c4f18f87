"""Models for checking evals."""

from __future__ import annotations

import torch

from harness.plugin_kit.actor import Actor, ActorConfig
from models.checking.contract import FIT_CHECKS
from models.checking.trial import MARKOV, Subject


def test_the_models_that_play_a_part_keep_the_contract_themselves() -> None:
    actor = Actor(MARKOV.size, MARKOV.start_token)
    for begin in range(0, 200, 20):
        actor.learn(MARKOV.stream[begin : begin + 10].tolist(), MARKOV.stream[begin + 10 : begin + 20].tolist())
    subject = Subject(ActorConfig(), MARKOV)
    subject.__dict__["model"] = actor
    for check in FIT_CHECKS:
        check(subject)


def test_an_actor_says_what_it_learnt_and_the_first_lesson_wins() -> None:
    actor = Actor(6, 5)
    actor.learn([0, 1], [2, 2])
    actor.learn([0, 1], [3])
    actor.learn([], [0, 4])
    for read, expected in (([], 0), ([0], 4), ([0, 1], 2), ([0, 1, 2, 2], 5), ([0, 1, 3], 5), ([4, 4], 5)):
        _, state = actor.read(actor.start(), torch.tensor([read], dtype=torch.int64))
        assert int(state.logprobs.argmax()) == expected
