"""What a reward is: a number for a reply, greater where it is better. Stages of post-training raise it, and a search
picks by it.

A reward sees the prompt and the completion, as an eval's scorer does, and never a model. It is missing (None) where it
can't say, and that is never zero.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from harness.common.options import check_option
from harness.common.results_folder import ResultsFolder
from harness.completion.sequence import Completion, Prompt
from harness.text.data.corpus import Corpus
from harness.text.tokenizers.tokenizer import Tokenizer
from models.language_model import LanguageModel


@dataclass(frozen=True)
class Reply:
    """What a reward sees."""

    prompt: Prompt
    completion: Completion
    target: str | None = None
    """What a person said in this place, or the right answer; None: not known."""


@dataclass(frozen=True)
class Material:
    """What a reward can be made of before a stage of post-training: the fit that the stage begins with, and its
    text."""

    fit_id: str
    writer_id: str
    """Names the replies that `write_pairs` gives: a hash of all that they depend on."""
    model: LanguageModel
    """Of the fit; it must not be changed."""
    tokenizer: Tokenizer
    corpus: Corpus
    seed: int
    results: ResultsFolder
    write_pairs: Callable[[int], tuple[Sequence[tuple[str, Reply, Reply]], Mapping[str, float]]]
    """So many pairs of different replies by the model to prompts that the stage doesn't ask, or fewer where it writes
    the same again and again: each with its cluster. And what that cost, by the names of `Spent`."""
    say: Callable[[str], None]


@dataclass(frozen=True)
class Prepared:
    """A reward that can score."""

    reward: Reward
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What the stage's record should say of it, as plain values."""
    spent: Mapping[str, float] = field(default_factory=dict)
    """What making it cost, by the names of `Spent`."""
    gold: Callable[[Reply], float] | None = None
    """How good a reply really is, where a program knows it: written down beside the reward, and never learnt."""


@dataclass(frozen=True)
class FinishedFit:
    """A fit, and what its stages of post-training made."""

    model: LanguageModel
    tokenizer: Tokenizer
    stages: Sequence[Mapping[str, Any]]
    """What its record says of each stage."""
    results: ResultsFolder
    """Where it is stored, with what its stages made."""


@dataclass(frozen=True, kw_only=True)
class Reward(ABC):
    """A frozen dataclass of a reward's options."""

    name: ClassVar[str]
    version: ClassVar[int]
    """Incremented when the same options give other rewards than before, so that old fits aren't used for new ones."""
    needs_target: ClassVar[bool] = False
    """Whether it says nothing of a reply whose target isn't known, as in a chat."""

    is_made_of_ratings: ClassVar[bool] = False
    """Whether it is made of ratings, about one half of the training text; then a stage asks the other half."""

    weight: float = 1.0
    """What the reward is multiplied by in a sum of several; below 0: less of it is better."""

    def __post_init__(self) -> None:
        check_option(self, "weight", self.weight != 0, "any number but 0, which would leave the reward out")

    @abstractmethod
    def score(self, reply: Reply) -> float | None:
        """The reward of one reply, without its weight; None where it can't say. The same each time."""

    def score_all(self, replies: Sequence[Reply]) -> list[float | None]:
        """The reward of each reply, by itself. Override it where many at once are faster."""
        return [self.score(reply) for reply in replies]

    def prepared(self, material: Material) -> Prepared:
        """The reward as a stage scores with it. Override it where it has to be made before."""
        return Prepared(self)

    def of_fit(self, fit: FinishedFit) -> Reward:
        """The reward as a search scores with it what a fit writes. Override it where a stage has to make it before."""
        return self


def weighted_sum(rewards: Mapping[str, Reward], replies: Sequence[Reply]) -> list[float | None]:
    """The sum of all rewards of each reply, times their weights. What a reward can't say adds nothing; None where none
    of them can say."""
    totals: list[float | None] = [None] * len(replies)
    for reward in rewards.values():
        for index, score in enumerate(reward.score_all(replies)):
            if score is not None:
                totals[index] = (totals[index] or 0.0) + reward.weight * score
    return totals
