from __future__ import annotations

from collections import Counter as Multiset
from pathlib import Path

import numpy as np
import pytest

from models.ngrams.counting import Counter, Counts, Layout
from tests.models.ngrams.texts import random_documents, stream_of

START = 7


def ngrams_of(counted: Counts) -> dict[tuple[int, ...], int]:
    """Every n-gram with its count, read off the trie."""
    trie = counted.trie
    found: dict[tuple[int, ...], int] = {}
    grams: list[tuple[int, ...]] = [()]
    for node in range(trie.num_inner):
        for child in range(trie.first_child[node], trie.first_child[node + 1]):
            grams.append((*grams[node], int(trie.tokens[child])))
            found[grams[-1]] = int(counted.counts[child])
    assert list(found) == sorted(found, key=lambda gram: (len(gram), gram)), "not in order"
    return found


def plainly(stream: list[int], order: int, vocab_size: int) -> dict[tuple[int, ...], int]:
    """Count windows one by one; they end with their document."""
    found: Multiset[tuple[int, ...]] = Multiset({(token,): 0 for token in range(vocab_size)})
    for begin in range(len(stream)):
        for end in range(begin + 1, min(begin + order, len(stream)) + 1):
            if START in stream[begin + 1 : end - 1]:
                break
            found[tuple(stream[begin:end])] += 1
    found[(START,)] -= bool(stream)
    return dict(found)


def count(stream: list[int], order: int, vocab_size: int, pieces: int = 1, megabytes: float = 64) -> Counts:
    with Counter(order, vocab_size, START, int(megabytes * 2**20)) as counter:
        for piece in np.array_split(np.array(stream, dtype=np.int64), pieces):
            counter.add(piece)
        return counter.counts()


# Vocabularies that take 4, 9 and 31 bits a token: keys of one word and of several.
@pytest.mark.parametrize("vocab_size", [8, 300, 2**30])
@pytest.mark.parametrize("order", [1, 2, 3, 5, 20])
def test_every_ngram_is_counted(order: int, vocab_size: int) -> None:
    stream = stream_of(random_documents(order, 30, 40, 7), START)
    if vocab_size == 2**30:
        assert Layout.of(order, vocab_size).num_words == -(-order // 2)
        return
    assert ngrams_of(count(stream, order, vocab_size)) == plainly(stream, order, vocab_size)


@pytest.mark.parametrize("pieces", [2, 7, 400])
def test_where_the_stream_is_cut_makes_no_difference(pieces: int) -> None:
    stream = stream_of(random_documents(3, 30, 40, 7), START)
    assert ngrams_of(count(stream, 4, 8, pieces)) == ngrams_of(count(stream, 4, 8))


@pytest.mark.parametrize("stream", [[], [START], [START, START], [START, 1], [START, 1, START]])
def test_short_streams(stream: list[int]) -> None:
    for order in (1, 3):
        assert ngrams_of(count(stream, order, 8)) == plainly(stream, order, 8)


def test_a_small_memory_goes_by_way_of_the_disk_and_counts_the_same(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    stream = np.concatenate([[START], rng.integers(0, 300, 120_000)])
    stream[stream == START] = 8
    stream[0] = START
    with Counter(4, 300, START, 64 << 20) as roomy:
        roomy.add(stream)
        whole = roomy.counts()
    with Counter(4, 300, START, 1 << 19, tmp_path) as tight:
        for piece in np.array_split(stream, 9):
            tight.add(piece)
        runs = len(list(tmp_path.glob("*/*.keys.npy")))
        merged = tight.counts()
    assert runs > 5
    assert not list(tmp_path.iterdir()), "runs were left behind"
    assert np.array_equal(whole.counts, merged.counts)
    for name in ("tokens", "first_child", "suffix"):
        assert np.array_equal(getattr(whole.trie, name), getattr(merged.trie, name))


@pytest.mark.parametrize("cut", [0, 1, 2, 50, 400])
@pytest.mark.parametrize("order", [1, 2, 5])
def test_counting_can_go_on_from_what_was_counted(order: int, cut: int) -> None:
    stream = stream_of(random_documents(5, 40, 30, 7), START)
    first = count(stream[:cut], order, 8)
    with Counter(order, 8, START, 1 << 20) as counter:
        counter.go_on_from(first)
        counter.add(np.array(stream[cut:]))
        assert counter.num_tokens == len(stream)
        assert ngrams_of(counter.counts()) == plainly(stream, order, 8)


def test_suffixes_are_the_ngrams_without_their_oldest_token() -> None:
    stream = stream_of(random_documents(9, 30, 40, 7), START)
    trie = count(stream, 4, 8).trie
    grams: list[tuple[int, ...]] = [()]
    for node in range(trie.num_inner):
        for child in range(trie.first_child[node], trie.first_child[node + 1]):
            grams.append((*grams[node], int(trie.tokens[child])))
    assert [grams[node] for node in trie.suffix] == [gram[1:] for gram in grams]
