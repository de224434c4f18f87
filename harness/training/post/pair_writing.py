"""Pairs of replies to be rated: two different ones to each prompt, drawn as in training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.common.progress import Progress
from harness.common.seeds import seed_of
from harness.completion.reward import Reply
from harness.text.tokenizers.tokenizer import Tokenizer
from harness.training.post.prompts import Asked, Prompts
from harness.training.post.rollouts import cost_of_writing, write
from harness.training.spent import Spent
from models.language_model import LanguageModel

_PROMPTS_AT_ONCE = 64
_MOST_TRIES = 4
"""Prompts that are asked for each pair that is wanted: where a model writes the same again and again, there are fewer
pairs."""


@dataclass(frozen=True)
class WrittenPair:
    """Two different replies to a prompt."""

    asked: Asked
    one: Reply
    other: Reply


@dataclass(frozen=True)
class Author:
    """A model that writes, and what names its random draws."""

    model: LanguageModel
    tokenizer: Tokenizer
    max_new_tokens: int
    seed: int

    def write(self, asked: Sequence[Asked], *step: object) -> list[Reply]:
        """A reply to each prompt."""
        seeds = [seed_of("reply to rate", self.seed, *step, number) for number in range(len(asked))]
        return write(self.model, self.tokenizer, asked, self.max_new_tokens, seeds)


def pairs_by(author: Author, prompts: Prompts, num_pairs: int) -> tuple[list[WrittenPair], Spent]:
    """So many pairs of replies by one author, or fewer where they are alike; and what they cost, without seconds."""
    pairs: list[WrittenPair] = []
    spent = Spent()
    with Progress("writing pairs to rate", num_pairs, "pairs") as progress:
        for first in range(0, _MOST_TRIES * num_pairs, _PROMPTS_AT_ONCE):
            asked = sorted(prompts.take(first, _PROMPTS_AT_ONCE), key=lambda prompt: len(prompt.tokens))
            each = [prompt for prompt in asked for _ in range(2)]
            replies = author.write(each, first)
            spent += cost_of_writing(author.model, each, replies)
            both = zip(asked, replies[::2], replies[1::2], strict=True)
            pairs += [WrittenPair(prompt, one, other) for prompt, one, other in both if differ(one, other)]
            progress.advance_to(len(pairs))
            if len(pairs) >= num_pairs:
                break
    return pairs[:num_pairs], spent


def differ(one: Reply, other: Reply) -> bool:
    """Whether a reader could tell two replies apart."""
    first, second = one.completion, other.completion
    return (first.text, first.stop_text, first.finish_reason) != (second.text, second.stop_text, second.finish_reason)
