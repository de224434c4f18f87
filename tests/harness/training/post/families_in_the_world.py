"""Families in the enumerable world: small ones that write its replies, and stages that change them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from harness.completion.reward import Reply, Reward
from harness.training.curve import Validation
from harness.training.post import replies_training, reply_counting
from harness.training.post.prompts import Asked
from harness.training.post.stage import Bench, PostStage, StageBudget
from harness.training.settings import Training
from models.language_model import CountingModel, LanguageModel, ModelConfig
from models.settings.gru import GRUConfig
from models.settings.ngram import NGramConfig
from models.settings.tilted import Correction, TiltedConfig
from models.settings.transformer import TransformerConfig
from models.tilted import Tilted
from tests.harness.training.post.enumerable_world import END, LONGEST, REPLIES, world
from tests.harness.training.post.made import corpus
from tests.toys import LetterTokenizer

WORLD = world()
BETA = 1.4
TEXTS = {"".join("abc"[token] for token in reply if token != END): number for number, reply in enumerate(REPLIES)}
SHARED: dict[str, Any] = {
    "budget": StageBudget(episodes=25_600), "max_new_tokens": LONGEST, "beta": BETA, "cut_reward": None,
}  # fmt: skip
"""Options of all stages here."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class OfTheWorld(Reward):
    """The world's reward of a reply."""

    name: ClassVar[str] = "of_the_world"
    version: ClassVar[int] = 1

    def score(self, reply: Reply) -> float:
        return float(WORLD.reward[TEXTS[reply.completion.text]])


REWARDS: dict[str, Reward] = {"of_the_world": OfTheWorld()}


class Nothing:
    """The empty prompt."""

    def take(self, first: int, count: int) -> list[Asked]:
        return [Asked("", np.zeros(0, np.int64))] * count


def counted(config: ModelConfig) -> LanguageModel:
    """A model that has counted replies that the world's reference drew."""
    model = config.build(END + 1, END)
    assert isinstance(model, CountingModel)
    torch.manual_seed(0)
    drawn = [REPLIES[number] for number in WORLD.draw(WORLD.reference, 400).tolist()]
    texts = [[token for token in reply if token != END] for reply in drawn]
    model.count(torch.tensor([token for text in texts for token in (END, *text)]))
    model.finish([torch.tensor(text) for text in texts[:20] if text])
    return model


def family(name: str) -> LanguageModel:
    torch.manual_seed(0)
    if name == "ngram":
        return counted(NGramConfig(order=5))
    if name == "tilted":
        base = counted(NGramConfig(order=5))
        config = TiltedConfig(base=base.config, correction=Correction(most_context=4), learning_rate=0.05)
        return Tilted(config, base)
    configs = {
        "gru": GRUConfig(d_model=32, learning_rate=0.01),
        "transformer": TransformerConfig(context_length=8, d_model=32, num_heads=2, num_layers=2, learning_rate=0.003),
    }
    return configs[name].build(END + 1, END).on(torch.device("cpu"))


def log_probabilities(model: LanguageModel) -> Tensor:
    """(R,): of each reply of the world, float64. One of four letters is cut."""
    padded = torch.tensor([[*reply, *[END] * (LONGEST - len(reply))] for reply in REPLIES])
    scored = model.token_logprobs(padded).detach().double()
    lengths = torch.tensor([len(reply) for reply in REPLIES])
    return scored.masked_fill(torch.arange(LONGEST) >= lengths[:, None], 0.0).sum(1)


def distances(stage: PostStage, model: LanguageModel, folder: Path, patch: pytest.MonkeyPatch) -> Sequence[float]:
    """(before, after): the total variation to the known optimum of a stage with SHARED and REWARDS."""
    for module in (replies_training, reply_counting):
        patch.setattr(module, "prompts_for", lambda *_: Nothing())
        patch.setattr(module, "validation_for", lambda *_: Validation([np.array([0, 1, 2])], 3))
    bench = Bench("stage", LetterTokenizer(3), corpus(), Training(num_validations=1), 0, folder, print)
    before = log_probabilities(model)
    made = stage.make(model, bench)
    deviation = float(made.facts["reward_deviation_before"])
    optimum = (before + WORLD.reward / (BETA * deviation)).log_softmax(0).exp()
    after = log_probabilities(made.model)
    return [float((each.exp() - optimum).abs().sum() / 2) for each in (before, after)]
