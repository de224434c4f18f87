"""ratings=asked_model: a larger language model is asked about pairs of replies that the fit before the stage writes.

It reads the prompt, both replies, and the question which of them keeps better to the rule that a principle's name
states. What counts is how probable "A" and "B" are next, in both orders:

    p(a is better) = the mean of sigma(log p("A") - log p("B")) where a is A, and 1 minus that where a is B

With by=all, p is the weighted mean over all principles. Small models don't judge but guess, so one with under a hundred
million parameters is refused unless that is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from harness.common.options import check_option
from harness.ratings.principles import ByPrinciples
from harness.ratings.rating import Pair, Written
from harness.text.tokenizers.tokenizer import TokenizerSettings
from models.language_model import ModelConfig

FEWEST_PARAMETERS = 100_000_000
_LETTERS = (" A", " B")
_QUESTION = """{prompt}

A:{first}

B:{second}

Which of these two replies, A or B, keeps better to the rule "{principle}"?
Answer:"""


@dataclass(frozen=True, kw_only=True)
class AskedModel(ByPrinciples):
    """Options of ratings=asked_model."""

    rater: ClassVar[str] = "asked_model"

    model: ModelConfig
    """Of a family that comes with its weights, as model=hf."""
    tokenizer: TokenizerSettings
    """The model's own."""
    small_models: bool = False
    """Whether a model is asked that is too small to judge."""

    def __post_init__(self) -> None:
        super().__post_init__()
        number = self.model.num_stored_params
        check_option(
            self, "model", number is not None, "a model that comes with its weights, as model@ratings.model=hf"
        )
        if not self.small_models and (number or 0) < FEWEST_PARAMETERS:
            raise ValueError(
                f"the model to ask has {number:,} parameters. One with fewer than {FEWEST_PARAMETERS:,} doesn't judge "
                "replies but guesses. Name a larger one, let a program check the principles (ratings=constitution), or "
                "ask it all the same with ratings.small_models=true."
            )

    def probabilities(self, pairs: Sequence[Pair], orders: Sequence[Sequence[str]]) -> Sequence[float]:
        if self.by == "drawn":
            return self.asked(pairs, [order[0] for order in orders])
        shares = [
            weight * np.array(self.asked(pairs, [name] * len(pairs))) for name, weight in sorted(self.weights.items())
        ]
        total: list[float] = (np.sum(shares, axis=0) / sum(self.weights.values())).tolist()
        return total

    def asked(self, pairs: Sequence[Pair], principles: Sequence[str]) -> list[float]:
        """For each pair the probability that a keeps better to a principle: the mean over both orders."""
        from scipy.special import expit

        from harness.scoring.likelihood import document_logprobs

        tokenizer = self.tokenizer.train([])
        model = self.model.build(tokenizer.vocab_size, tokenizer.start_token)
        questions = [
            question(pair.prompt, *shown, principle)
            for pair, principle in zip(pairs, principles, strict=True)
            for shown in ((pair.a, pair.b), (pair.b, pair.a))
        ]
        letters = [tokenizer.encode(letter) for letter in _LETTERS]
        asked = [tokenizer.encode(text) for text in questions]
        scored = document_logprobs(model, [np.concatenate([text, letter]) for text in asked for letter in letters])
        sums = np.array(
            [row[len(row) - len(letters[index % 2]) :].sum(dtype=np.float64) for index, row in enumerate(scored)]
        )
        leads = sums[::2] - sums[1::2]  # of "A" over "B", for each question
        probabilities: list[float] = ((expit(leads[::2]) + expit(-leads[1::2])) / 2).tolist()
        return probabilities


def question(prompt: str, first: Written, second: Written, principle: str) -> str:
    """What the model reads before it answers."""
    return _QUESTION.format(prompt=prompt, first=first.text, second=second.text, principle=principle)
