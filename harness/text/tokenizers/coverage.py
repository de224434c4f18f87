"""The characters of a corpus that a tokenizer has no token for: refused, or counted."""

from __future__ import annotations

from collections import Counter

from harness.common.errors import UserError
from harness.text.data.corpus import SPLITS, Corpus
from harness.text.tokenizers.tokenizer import OutsideAlphabet, Tokenizer

_NAMED = 5
_WORTH_A_NOTE = 0.001
"""The share of a split's characters from which on they are worth a note."""


def check_alphabet(tokenizer: Tokenizer, corpus: Corpus) -> None:
    """UserError where a closed alphabet lacks a character of some document, with the document's name."""
    if not tokenizer.is_closed:
        return
    for split, document in corpus:
        try:
            tokenizer.encode(document.text)
        except OutsideAlphabet as error:
            raise UserError(f"data={corpus.name}, document {document.id} of the {split} split: {error}") from None


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
