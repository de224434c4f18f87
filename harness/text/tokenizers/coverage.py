"""Counts the characters of each split that a tokenizer has no token for."""

from __future__ import annotations

from collections import Counter

from harness.text.data.corpus import SPLITS, Corpus
from harness.text.tokenizers.tokenizer import Tokenizer

_NAMED = 5


def notes_on_unseen(tokenizer: Tokenizer, corpus: Corpus) -> list[str]:
    """For each split with characters that have no token: how many, and which; one sentence each."""
    notes = []
    for split in SPLITS:
        unseen: Counter[str] = Counter()
        num_characters = 0
        for document in corpus.documents(split):
            unseen.update(tokenizer.unseen_characters(document.text))
            num_characters += len(document.text)
        if unseen:
            common = ", ".join(repr(character) for character, _ in unseen.most_common(_NAMED))
            notes.append(
                f"characters of the {split} split without a token: {unseen.total():,} of "
                f"{num_characters:,} (different ones: {len(unseen):,}, as {common}). They are too rare in the training "
                "text, so the tokenizer writes them as bytes"
            )
    return notes
