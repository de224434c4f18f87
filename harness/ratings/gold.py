"""The gold utility: how good a reply really is, in a world where that is known.

A product of four shares, each 0 to 1, each easy to check by hand:

    within reason   1 for 20 to 160 characters, falling to 0 at none and at 320; 0 where it doesn't hand over
    known words     the share of its words that are in the training text twice or more
    no echo         1 minus the share of its runs of three words that are in the prompt
    on topic        1 where it shares a content word with the prompt, else 1/2

A product says that a reply must be good in every way at once. A score that adds up its parts, as linear preference
models do, can't say that, so it can be raised where gold falls. Needs no torch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from harness.ratings.rating import Written
from harness.text.words import content, echo, words_in

_SHORTEST, _LONGEST, _TOO_LONG = 20, 160, 320  # characters
_LEAST_KNOWN = 2  # occurrences
_NUM_USUAL = 200
_OFF_TOPIC = 0.5


@dataclass(frozen=True)
class GoldUtility:
    """What replies are measured by."""

    known: frozenset[str]
    """The words of the training text."""
    usual: frozenset[str]
    """Those of them that say nothing of what a text is about: the most frequent ones."""

    @classmethod
    def of(cls, texts: Iterable[str]) -> GoldUtility:
        """By the words of a training text."""
        counts = Counter(word for text in texts for word in words_in(text))
        known = frozenset(word for word, count in counts.items() if count >= _LEAST_KNOWN)
        return cls(known, frozenset(word for word, _ in counts.most_common(_NUM_USUAL)))

    def __call__(self, prompt: str, reply: Written) -> float:
        """0 to 1."""
        said, asked = words_in(reply.text), words_in(prompt)
        return within_reason(reply) * self._known(said) * (1 - echo(said, asked)) * self._on_topic(said, asked)

    def _known(self, said: list[str]) -> float:
        return sum(word in self.known for word in said) / len(said) if said else 0.0

    def _on_topic(self, said: list[str], asked: list[str]) -> float:
        return 1.0 if content(said, self.usual) & content(asked, self.usual) else _OFF_TOPIC


def within_reason(reply: Written) -> float:
    """Of its length, and of whether it hands over."""
    length = len(reply.text.strip())
    if reply.finish_reason != "stop":
        return 0.0
    return max(0.0, min(1.0, length / _SHORTEST, (_TOO_LONG - length) / (_TOO_LONG - _LONGEST)))
