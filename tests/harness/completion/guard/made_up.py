"""Texts of two kinds that differ in one word."""

from __future__ import annotations

from harness.completion.guard.making import Kinds
from harness.completion.guard.texts import Texts
from harness.text.data.corpus import Corpus, Document

PLAIN = "the cat sat on a mat while it rained and nobody went out to see the moon".split()  # noqa: SIM905


def sentences(first: int, count: int, word: str) -> list[str]:
    """Sentences that differ, each with a word among plain ones."""
    return [
        " ".join(
            [PLAIN[(number * 7 + place * (number % 3 + 1)) % len(PLAIN)] for place in range(6)] + [word, str(number)]
        )
        for number in range(first, first + count)
    ]


def texts(first: int, count: int, word: str) -> Texts:
    return Texts(tuple(sentences(first, count, word)), tuple(f"{word}/{number // 2}" for number in range(count)))


def kinds(count: int = 120) -> Kinds:
    """Texts about a gentle cat are allowed, those about a blasted cat are not."""
    splits = ("train", "validation", "test")
    return Kinds(
        {split: texts(1000 * index, count, "gentle") for index, split in enumerate(splits)},
        {split: texts(1000 * index + 500, count, "blasted") for index, split in enumerate(splits)},
    )


def corpus(name: str, word: str, count: int = 60) -> Corpus:
    documents = [
        tuple(
            Document(f"{split}/{number}", text, name, f"{split}/{number}")
            for number, text in enumerate(sentences(1000 * index, count, word))
        )
        for index, split in enumerate(("train", "validation", "test"))
    ]
    return Corpus(name, *documents)
