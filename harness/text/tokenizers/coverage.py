"""Counts the characters of each split that a tokenizer has no token for."""

from __future__ import annotations

from collections import Counter

from harness.text.data.corpus import SPLITS, Corpus
from harness.text.tokenizers.tokenizer import Tokenizer

_NAMED = 5
_WORTH_A_NOTE = 0.001
"""The share of a split's characters from which on they are worth a note."""


def notes_on_unseen(tokenizer: Tokenizer, corpus: Corpus) -> list[str]:
    """A sentence on the characters without a token: in each split, how many they are, and the most frequent ones.
    Empty where they are under a thousandth of every split."""
    counts = []
    for split in SPLITS:
        unseen: Counter[str] = Counter()
        num_characters = 0
        for document in corpus.documents(split):
            unseen.update(tokenizer.unseen_characters(document.text))
            num_characters += len(document.text)
        if unseen and unseen.total() >= _WORTH_A_NOTE * num_characters:
            common = ", ".join(repr(character) for character, _ in unseen.most_common(_NAMED))
            more = f" and {len(unseen) - _NAMED:,} others" if len(unseen) > _NAMED else ""
            counts.append(f"{unseen.total():,} of {num_characters:,} in the {split} split ({common}{more})")
    if not counts:
        return []
    return [f"characters without a token, which are written as bytes: {'; '.join(counts)}"]
