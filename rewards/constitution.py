"""To what share a reply keeps the rules of a constitution: principles in a file that a program can check.

The score is the weighted share of the principles that are kept, 0 to 1. After Bai et al. 2022 ("Constitutional AI"),
where a large model judges by principles in words; here they are words to look for, regular expressions and other
rewards, since a model of a size that is trained here can't judge. `ratings=constitution` compares replies by them too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import regex

from harness.common.errors import UserError
from harness.common.options import check_option
from harness.completion.reward import Reply, Reward
from harness.text.words import has_any, words_in

_SECONDS_A_PATTERN = 1.0
_KEPT = 0.5


@dataclass(frozen=True, kw_only=True)
class Principle:
    """One rule. It is kept where all that it says holds."""

    weight: float = 1.0
    """What it counts for, against the others."""
    has_any: list[str] = field(default_factory=list)
    """Words and phrases of which one is in the reply. Case doesn't count."""
    has_none: list[str] = field(default_factory=list)
    """Words and phrases of which none is in it."""
    matches: str = ""
    """A regular expression that is found in it."""
    matches_not: str = ""
    """A regular expression that isn't."""
    reward: Reward | None = None
    """Another reward, which gives it 0.5 or more. What that can't say, the principle can't say."""

    def __post_init__(self) -> None:
        check_option(self, "weight", self.weight > 0, "above 0")
        if not (self.has_any or self.has_none or self.matches or self.matches_not or self.reward):
            raise ValueError(
                "a principle must say something of a reply. Give it one of has_any, has_none, matches, matches_not and "
                "reward."
            )
        for name in ("matches", "matches_not"):
            try:
                regex.compile(getattr(self, name))
            except regex.error as error:
                raise ValueError(
                    f"{name}={getattr(self, name)!r} is no regular expression: {error}. Write a backslash before "
                    "characters that mean themselves, as \\( for a bracket."
                ) from None

    def is_kept(self, reply: Reply) -> bool | None:
        """Whether a reply keeps it; None where the reward in it can't say."""
        text = reply.completion.text
        said = words_in(text)
        kept = (
            (not self.has_any or has_any(said, self.has_any))
            and not has_any(said, self.has_none)
            and (not self.matches or _is_found(self.matches, text))
            and (not self.matches_not or not _is_found(self.matches_not, text))
        )
        if self.reward is None or not kept:
            return kept
        score = self.reward.score(reply)
        return None if score is None else score >= _KEPT


def _is_found(pattern: str, text: str) -> bool:
    """Whether a pattern is found in a text. UserError where that takes too long."""
    try:
        return regex.search(pattern, text, timeout=_SECONDS_A_PATTERN) is not None
    except TimeoutError:
        raise UserError(
            f"the pattern {pattern!r} of a constitution takes more than {_SECONDS_A_PATTERN:g} second on a reply of "
            f"{len(text):,} characters. Write it without repetitions inside of repetitions, as (a+)+."
        ) from None


@dataclass(frozen=True, kw_only=True)
class Constitution(Reward):
    """Options of the reward."""

    name: ClassVar[str] = "constitution"
    version: ClassVar[int] = 1

    principles: dict[str, Principle]
    """Each by its name."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.principles:
            raise ValueError("principles={} leaves nothing to score by. Name one or more.")

    @cached_property
    def needs_target(self) -> bool:  # type: ignore[override]
        return all(each.reward is not None and each.reward.needs_target for each in self.principles.values())

    def score(self, reply: Reply) -> float | None:
        kept = self.kept(reply)
        if not kept:
            return None
        weights = {name: self.principles[name].weight for name in kept}
        return sum(weight * kept[name] for name, weight in weights.items()) / sum(weights.values())

    def kept(self, reply: Reply) -> dict[str, bool]:
        """By principle, whether a reply keeps it. What can't be said is left out."""
        all_kept = {name: principle.is_kept(reply) for name, principle in self.principles.items()}
        return {name: kept for name, kept in all_kept.items() if kept is not None}
