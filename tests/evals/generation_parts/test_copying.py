"""Copied text is found to the byte, compared with a search for every stretch."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evals.generation_parts.copying import Copied, CopyFinder


def by_hand(documents: list[bytes], text: bytes, shortest: int) -> Copied:
    """Search every document for every stretch of the text."""
    copied, longest = np.zeros(len(text), dtype=bool), 0
    for begin in range(len(text)):
        for end in range(begin + shortest, len(text) + 1):
            if not any(text[begin:end] in document for document in documents):
                break
            copied[begin:end] = True
            longest = max(longest, end - begin)
    return Copied(int(copied.sum()), longest)


few_letters = st.text("ab", max_size=60).map(str.encode)
some_letters = st.text("abcdé", max_size=60).map(str.encode)


@settings(deadline=None)  # the first call compiles
@given(
    documents=st.lists(st.one_of(few_letters, some_letters), max_size=6),
    text=st.one_of(few_letters, some_letters),
    shortest=st.integers(2, 20),
)
def test_it_finds_what_brute_force_finds(documents: list[bytes], text: bytes, shortest: int) -> None:
    assert CopyFinder(documents, shortest).find(text) == by_hand(documents, text, shortest)


@pytest.mark.parametrize("shortest", [7, 8, 50])
def test_stretches_of_real_text_are_found_wherever_they_begin_and_end(shortest: int) -> None:
    generator = random.Random(0)
    documents = [bytes(generator.choices(b"etaoin shrdlu", k=500)) for _ in range(4)]
    finder = CopyFinder(documents, shortest)
    for _ in range(150):
        pieces = []
        for _ in range(4):
            source = generator.choice(documents)
            begin = generator.randrange(len(source))
            pieces += [source[begin : begin + generator.randrange(2 * shortest)], b"#" * generator.randrange(3)]
        text = b"".join(pieces)
        assert finder.find(text) == by_hand(documents, text, shortest)


def test_no_stretch_crosses_a_document_s_end() -> None:
    assert CopyFinder([b"a" * 30, b"b" * 30], 50).find(b"a" * 30 + b"b" * 30) == Copied(0, 0)
    assert CopyFinder([b"a" * 30 + b"b" * 30], 50).find(b"a" * 30 + b"b" * 30) == Copied(60, 60)


def test_texts_shorter_than_a_stretch_copy_nothing() -> None:
    assert CopyFinder([b"abc"], 50).find(b"abc") == Copied(0, 0)
    assert CopyFinder([], 50).find(b"abc" * 50) == Copied(0, 0)
    assert CopyFinder([b"abc" * 50], 50).find(b"") == Copied(0, 0)
