"""The words of a text, and what two texts have in common. Needs no torch."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_RUN = 3  # words
_FEWEST_LETTERS = 4


def words_in(text: str) -> list[str]:
    """Its words, in small letters."""
    return _WORD.findall(text.lower())


def content(words: Iterable[str], usual: Collection[str]) -> set[str]:
    """Words of four letters or more that aren't usual ones: what a text is about."""
    return {word for word in words if len(word) >= _FEWEST_LETTERS and word not in usual}


def echo(said: Sequence[str], asked: Sequence[str]) -> float:
    """The share of the runs of three words in a reply that are in its prompt; 0 to 1. A reply of fewer words is one
    run, one without words echoes nothing."""
    size = min(_RUN, len(said))
    own, others = _runs(said, size), set(_runs(asked, size))
    return sum(run in others for run in own) / len(own) if own else 0.0


def has_any(said: Iterable[str], phrases: Iterable[str]) -> bool:
    """Whether one of some phrases, each a word or several, is among words in a row. Both apostrophes are one."""
    text = f" {' '.join(said)} ".replace("’", "'")
    wanted = (" ".join(words_in(phrase)).replace("’", "'") for phrase in phrases)
    return any(f" {phrase} " in text for phrase in wanted if phrase)


def _runs(words: Sequence[str], size: int) -> list[tuple[str, ...]]:
    """So many words that follow one another."""
    return [tuple(words[begin : begin + size]) for begin in range(len(words) - size + 1)] if size else []
