"""The n-grams as a trie, against sets of tuples."""

from __future__ import annotations

import numpy as np
import pytest

from models.ngrams.trie import ROOT, Trie, find_child, step
from tests.models.ngrams.texts import fit, random_documents, stream_of

START, VOCAB, ORDER = 3, 5, 4
STREAM = stream_of(random_documents(3, 12, 20, 3), START)
TRIE = fit(STREAM, VOCAB, START, order=ORDER).backoff_model.trie

Gram = tuple[int, ...]


def grams_of(trie: Trie) -> list[Gram]:
    """Each node's n-gram."""
    grams: list[Gram] = [()] * trie.num_nodes
    for node in range(trie.num_inner):
        for child in range(trie.first_child[node], trie.first_child[node + 1]):
            grams[child] = (*grams[node], int(trie.tokens[child]))
    return grams


def test_its_nodes_are_every_ngram_once_level_by_level() -> None:
    grams = grams_of(TRIE)
    assert len(set(grams)) == TRIE.num_nodes
    for m in range(1, ORDER + 1):
        assert {len(gram) for gram in grams[TRIE.level(m)]} == {m}
    assert (TRIE.order, TRIE.vocab_size) == (ORDER, VOCAB)


def test_a_suffix_is_the_longest_end_that_is_there() -> None:
    grams = grams_of(TRIE)
    there = set(grams)
    for node, gram in enumerate(grams[1:], start=1):
        longest = next(gram[begin:] for begin in range(1, len(gram) + 1) if gram[begin:] in there)
        assert grams[TRIE.suffix[node]] == longest


def test_a_child_is_found_where_there_is_one() -> None:
    number = {gram: node for node, gram in enumerate(grams_of(TRIE))}
    for gram, node in number.items():
        if len(gram) < ORDER:
            children = [find_child(TRIE.tokens, TRIE.first_child, node, token) for token in range(VOCAB)]
            assert children == [number.get((*gram, token), -1) for token in range(VOCAB)]


def test_a_text_that_was_read_is_its_longest_end_that_is_a_context() -> None:
    grams = grams_of(TRIE)
    contexts = {gram[:-1] for gram in grams if gram}
    text = np.random.default_rng(0).integers(0, VOCAB, 300).tolist()
    node = ROOT
    for end in range(1, len(text) + 1):
        node = step(TRIE.tokens, TRIE.first_child, TRIE.suffix, node, text[end - 1])
        ends = (tuple(text[begin:end]) for begin in range(max(0, end - ORDER + 1), end + 1))
        assert grams[node] == next(context for context in ends if context in contexts)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_requested_nodes_are_kept(seed: int) -> None:
    grams = grams_of(TRIE)
    kept = np.random.default_rng(seed).random(TRIE.num_nodes) < 0.5
    kept[: TRIE.level_begins[2]] = True
    number = {gram: node for node, gram in enumerate(grams)}
    for node, gram in enumerate(grams):
        kept[node] &= not gram or kept[number[gram[:-1]]]
    smaller, nodes = TRIE.keep(kept)
    assert grams_of(smaller) == [gram for gram, is_kept in zip(grams, kept, strict=True) if is_kept]
    assert nodes.tolist() == np.flatnonzero(kept).tolist()
    assert smaller.num_contexts == len({gram[:-1] for gram in grams_of(smaller) if len(gram) > 1})


def test_a_nodes_length_is_that_of_its_ngram() -> None:
    trie = fit(stream_of(random_documents(0, 20, 9, 4), 4), 5, 4, order=4).backoff_model.trie
    assert [trie.length(node) for node in range(trie.num_nodes)] == [len(gram) for gram in grams_of(trie)]
