"""What a fit costs. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass
class Spent:
    """What a fit has cost so far."""

    tokens: int = 0
    """Tokens that were learnt: predicted, or counted."""
    seconds: float = 0.0
    flops: float = 0.0
    steps: int = 0
    episodes: int = 0
    """Replies that stages of post-training wrote to learn from."""
    written_tokens: int = 0
    """Tokens of these replies."""
    read_tokens: int = 0
    """Tokens that stages of post-training read, in prompts, in replies and in texts to learn from."""
    ratings: int = 0
    """Judgements, of which of two replies is better, that stages learnt from."""

    def __add__(self, other: Spent) -> Spent:
        names = [field.name for field in fields(self)]
        return Spent(**{name: getattr(self, name) + getattr(other, name) for name in names})
