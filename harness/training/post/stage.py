"""What a stage of post-training is: settings that make a fit out of a fit. Needs no torch.

Its fit's address follows from the parent's and from the stage's settings, so what two chains of stages share is done
once. The loops, which need torch, are imported when a stage runs.
"""

from __future__ import annotations

import dataclasses
import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from harness.text.data.corpus import Corpus
from harness.text.tokenizers.tokenizer import Tokenizer
from harness.training.settings import Training
from harness.training.spent import Spent

if TYPE_CHECKING:
    from harness.training.curve import Validation
    from models.language_model import LanguageModel, ModelConfig


@dataclass(frozen=True)
class StageBudget:
    """Limits on a stage; it ends at the one that comes first. None: no limit of that kind."""

    tokens: int | None = None
    """Tokens that are learnt; repeats count again."""
    episodes: int | None = None
    """Replies that are written."""
    seconds: float | None = None
    """Seconds of training and writing, validation not included."""
    flops: float | None = None
    """Floating-point operations."""

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            if value is not None and not value > 0:
                raise ValueError(f"{name}={value} is not allowed: it must be above 0, or null for no limit")
        if all(value is None for value in dataclasses.asdict(self).values()):
            raise ValueError("the stage has no budget: set at least one of its limits")

    def fraction_spent(self, spent: Spent) -> float:
        """The share of the budget that is used, by the limit that comes first: 1 or more when it is used up."""
        limits = dataclasses.asdict(self).items()
        return max(float(getattr(spent, name) / limit) for name, limit in limits if limit is not None)

    @property
    def num_params(self) -> None:
        """A stage changes no size."""


@dataclass(frozen=True)
class Bench:
    """What a stage works with, beside the model."""

    name: str
    """The stage's, as it was picked: 'sft'."""
    tokenizer: Tokenizer
    corpus: Corpus
    training: Training
    """The run's options of training by gradients; a stage overrides some."""
    seed: int
    folder: Path
    """Holds the checkpoint while the stage is unfinished, and is resumed from."""
    say: Callable[[str], None]
    before: str = ""
    """The id of the fit that the stage begins with."""


@dataclass(frozen=True)
class Made:
    """What a stage made."""

    model: LanguageModel
    spent: Spent
    """By this stage alone."""
    curve: Sequence[Mapping[str, Any]]
    validation: Validation
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What else the record should say of it, as plain values."""


@dataclass(frozen=True, kw_only=True)
class PostStage(ABC):
    """A frozen dataclass of a stage's options."""

    version: ClassVar[int] = 1
    """Incremented when the same options make another fit than before."""

    def why_not(self, model: ModelConfig, name: str) -> str | None:
        """Why the stage can't change a model of these options, as a sentence for the user; None where it can. name: of
        the stage, as it was picked."""
        return None

    def why_nothing_to_learn(self, corpus: Corpus) -> str | None:
        """Why the stage has nothing to learn from a corpus, as a sentence for the user without its end; None where it
        may have. Asked before anything is trained."""
        return None

    def changed(self, model: ModelConfig) -> ModelConfig:
        """The options of the model that the stage makes of a model of these options, where it makes another one."""
        return model

    @abstractmethod
    def make(self, model: LanguageModel, bench: Bench) -> Made:
        """Post-train a model, which may be changed in place. UserError where it can't be done with this text."""


def done_by(address: str, stage: PostStage, model: LanguageModel, bench: Bench) -> Made:
    """What the function at an address, as 'harness.training.post.answers.learn_answers', makes of a stage; it needs
    torch, so it is imported only now."""
    module, _, name = address.rpartition(".")
    made: Made = getattr(importlib.import_module(module), name)(stage, model, bench)
    return made
