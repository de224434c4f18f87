"""Several samples of each prompt, and a choice among them.

The samples are written with the strategy's transforms and chooser. Each has a seed derived from the prompt's; the first
has the prompt's own seed, so one sample equals the plain strategy. Prompts are read once for any number of samples.
"""

from __future__ import annotations

import hashlib
import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Self

from harness.common.options import check_least, check_most
from harness.completion.engine import Engine, OneByOne, Search
from harness.completion.reward import FinishedFit, Reply, Reward, weighted_sum
from harness.completion.sequence import Completion, Prompt
from harness.text.numbers import first_number, majority


@dataclass(frozen=True)
class _ChoiceOfSamples(Search, ABC):
    """A subclass chooses one of the samples."""

    num_samples: int = 8
    """Samples of each prompt; 1 to 10,000."""

    def __post_init__(self) -> None:
        check_least(self, num_samples=1)
        check_most(self, num_samples=10_000)

    @abstractmethod
    def choose(self, prompt: Prompt, samples: Sequence[Completion]) -> int:
        """The index of the sample that is the prompt's completion; of equally good ones the first."""

    def complete(self, engine: Engine, prompts: Sequence[Prompt], on_done: Callable[[int], None]) -> list[Completion]:
        sample_prompts = [
            replace(prompt, seed=seed_of_sample(prompt.seed, number))
            for prompt in prompts
            for number in range(self.num_samples)
        ]
        written = 0

        def count(more: int) -> None:
            nonlocal written
            before, written = written, written + more
            on_done(written // self.num_samples - before // self.num_samples)

        samples = OneByOne().complete(engine, sample_prompts, count)
        groups = [samples[begin : begin + self.num_samples] for begin in range(0, len(samples), self.num_samples)]
        return [group[self.choose(prompt, group)] for prompt, group in zip(prompts, groups, strict=True)]


def seed_of_sample(seed: int, number: int) -> int:
    if number == 0:
        return seed
    return int.from_bytes(hashlib.sha256(f"{seed} {number}".encode()).digest()[:8], "little")


@dataclass(frozen=True)
class BestOfN(_ChoiceOfSamples):
    """The sample with the best score (Stiennon et al. 2020)."""

    scorer: Literal["likelihood", "likelihood_per_token", "shortest", "longest"] = "likelihood_per_token"
    """likelihood: the model's own log-probability of the sample; per token: divided by its length; or by length
    alone."""

    def choose(self, prompt: Prompt, samples: Sequence[Completion]) -> int:
        return _best([self._score(sample) for sample in samples])

    def _score(self, sample: Completion) -> float:
        if self.scorer in ("shortest", "longest"):
            return len(sample.tokens) * (1 if self.scorer == "longest" else -1)
        total = sum(sample.logprobs)
        return total / max(1, len(sample.tokens)) if self.scorer == "likelihood_per_token" else total


@dataclass(frozen=True)
class BestByReward(_ChoiceOfSamples):
    """The sample with the greatest reward: the sum of several, each times its weight (Stiennon et al. 2020)."""

    rewards: dict[str, Reward] = field(default_factory=dict)
    """What makes a sample better, by name: those of rewards=."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if all(reward.needs_target for reward in self.rewards.values()):
            raise ValueError(
                f"rewards=[{', '.join(self.rewards)}] can't tell which sample is best, because the right answer isn't "
                "known here. Pick a reward that looks at the reply alone, as rewards=[hands_back_in_time]"
            )

    def of_fit(self, fit: FinishedFit) -> Self:
        return replace(self, rewards={name: reward.of_fit(fit) for name, reward in self.rewards.items()})

    def choose(self, prompt: Prompt, samples: Sequence[Completion]) -> int:
        """A sample of which no reward can say anything is worse than all others."""
        totals = weighted_sum(self.rewards, [Reply(prompt, sample) for sample in samples])
        return _best([-math.inf if total is None else total for total in totals])


@dataclass(frozen=True)
class MajorityVote(_ChoiceOfSamples):
    """The first sample with the answer that most samples give (Wang et al. 2022, self-consistency)."""

    answer: Literal["number", "text"] = "number"
    """What counts as a sample's answer: the first number in it that is no part of a problem (a sample without one has
    no vote), or its text without the space around it."""

    def choose(self, prompt: Prompt, samples: Sequence[Completion]) -> int:
        answers = [first_number(sample.text) if self.answer == "number" else sample.text.strip() for sample in samples]
        return majority(answers) or 0


@dataclass(frozen=True)
class MinimumBayesRisk(_ChoiceOfSamples):
    """The sample with the highest mean utility over all samples, which stand for the model's distribution (Kumar &
    Byrne 2004; Eikema & Aziz 2020).
    """

    utility: Literal["chrf", "exact"] = "chrf"
    """How good one text is where another is right: the overlap of their character n-grams (Popović 2015), or whether
    they are equal."""

    def choose(self, prompt: Prompt, samples: Sequence[Completion]) -> int:
        texts = [sample.text for sample in samples]
        utility = chrf if self.utility == "chrf" else _equal
        return _best([sum(utility(candidate, reference) for reference in texts) for candidate in texts])


def _equal(candidate: str, reference: str) -> float:
    return float(candidate == reference)


def _best(scores: Sequence[float]) -> int:
    return max(range(len(scores)), key=lambda index: (scores[index], -index))


def chrf(candidate: str, reference: str, longest: int = 6, beta: float = 2.0) -> float:
    """0 to 1: the F-score of character n-grams up to 6, without white space, recall counting twice (chrF2; Popović
    2015). The mean leaves out lengths that either text is too short for, as in sacrebleu.
    """
    written, right = "".join(candidate.split()), "".join(reference.split())
    precisions, recalls = [], []
    for n in range(1, longest + 1):
        ours, theirs = (Counter(text[i : i + n] for i in range(len(text) - n + 1)) for text in (written, right))
        if not ours or not theirs:
            continue
        shared = (ours & theirs).total()
        precisions.append(shared / ours.total())
        recalls.append(shared / theirs.total())
    if not precisions:
        return float(written == right)
    precision, recall = sum(precisions) / len(precisions), sum(recalls) / len(recalls)
    if precision + recall == 0:
        return 0.0
    return (1 + beta**2) * precision * recall / (beta**2 * precision + recall)
