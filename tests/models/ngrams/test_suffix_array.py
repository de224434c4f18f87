"""Contexts of any length, read off a sorted text, against brute force."""

from __future__ import annotations

import numpy as np
import pytest

from models.ngrams.suffix_array import MAX_CHAIN, SuffixArray, extend
from tests.models.ngrams.quotations import START, STREAM, TEXT, VOCAB, plain_chain


def chain_after(array: SuffixArray, text: list[int]) -> list[tuple[int, list[int]]]:
    chain = np.zeros((MAX_CHAIN, 3), np.int64)
    chain[0, 1] = len(array.followers)
    size = 1
    for token in [START, *text]:
        size = extend(array.rows_of, array.offsets, START, chain, size, token)
    return [
        (length, sorted(array.followers[begin:end][array.followers[begin:end] >= 0].tolist()))
        for begin, end, length in chain[1:size].tolist()
    ]


@pytest.mark.parametrize("stream", [STREAM, [START], [START, START, START], [START, *[0] * 70]])
def test_the_text_can_be_read_back(stream: list[int]) -> None:
    array = SuffixArray.of(np.array(stream, np.int32), VOCAB)
    assert array.text().tolist() == stream


def test_a_chain_is_what_occurs_of_a_history() -> None:
    array = SuffixArray.of(np.array(STREAM, np.int32), VOCAB)
    for end in range(len(TEXT)):
        expected = [(length, sorted(followers)) for length, followers in plain_chain([START, *TEXT[:end]])]
        assert chain_after(array, TEXT[:end]) == expected
    assert max(length for length, _ in plain_chain([START, *TEXT])) > 20
