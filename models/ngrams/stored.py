"""N-grams from a file: every array is checked once, because compiled code reads wherever these arrays point.

A file may be damaged, or come from an unknown source. A model that passes can score, and continue counting, without
reading outside an array or searching forever.

Shape legend: X nodes of the trie, I inner nodes, V vocabulary size.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from models.checks import BadWeights, check_stored, stored_array
from models.ngrams.backoff import BackoffModel
from models.ngrams.counting import Counts
from models.ngrams.trie import ROOT, Ints, Trie, find_child

# More tokens than any text has; float64 counts them exactly.
_MAX_COUNT = 1 << 53
# A probability may exceed 1 by rounding.
_ROUNDING = 1e-6


def stored_model(tensors: Mapping[str, Tensor], order: int, vocab_size: int, start_token: int) -> BackoffModel:
    """The back-off model of a weights file. Raises BadWeights, with the array, where it can't be one."""
    if not 0 <= start_token < vocab_size:
        raise BadWeights(f"documents start with token {start_token}, but token ids are 0 to {vocab_size - 1}")
    trie = _stored_trie(tensors, order, vocab_size)
    logprobs = stored_array(tensors, "logprobs", torch.float64, (trie.num_nodes,)).numpy()
    check_stored("logprobs", bool((logprobs <= _ROUNDING).all()), "a logarithm of a probability is at most 0")
    log_backoffs = stored_array(tensors, "log_backoffs", torch.float64, (trie.num_inner,)).numpy()
    highest = np.log(np.finfo(np.float64).max)
    check_stored("log_backoffs", bool((log_backoffs <= highest).all()), f"each must be at most {highest:.0f}")
    return BackoffModel(trie, logprobs, log_backoffs)


def _stored_trie(tensors: Mapping[str, Tensor], order: int, vocab_size: int) -> Trie:
    tokens = stored_array(tensors, "tokens", torch.int32, (None,)).numpy()
    num_nodes = len(tokens)

    begins = stored_array(tensors, "level_begins", torch.int64, (order + 2,)).numpy()
    check_stored(
        "level_begins",
        begins[:3].tolist() == [0, 1, vocab_size + 1]
        and begins[-1] == num_nodes
        and all(begin <= end for begin, end in pairwise(begins.tolist())),
        f"they must rise from 0, 1 and {vocab_size + 1} to {num_nodes}, the number of n-grams",
    )

    first_child = stored_array(tensors, "first_child", torch.int32, (int(begins[-2]) + 1,)).numpy()
    check_stored(
        "first_child",
        bool((first_child[:-1] <= first_child[1:]).all()) and np.array_equal(first_child[begins[:-1]], begins[1:]),
        "the children of each level's n-grams must be the next level",
    )

    single = np.arange(-1, vocab_size, dtype=np.int32)
    check_stored("tokens", np.array_equal(tokens[: vocab_size + 1], single), "single tokens must be the vocabulary")
    longer = tokens[vocab_size + 1 :]
    check_stored(
        "tokens", bool(((longer >= 0) & (longer < vocab_size)).all()), f"token ids must be 0 to {vocab_size - 1}"
    )
    ascends = tokens[:-1] < tokens[1:]
    ascends[first_child[first_child < num_nodes] - 1] = True  # the first child of a context follows another's last
    check_stored("tokens", bool(ascends.all()), "the children of a context must ascend")
    return Trie.of(tokens, first_child, begins)


def stored_counts(tensors: Mapping[str, Tensor], trie: Trie, start_token: int) -> Counts | None:
    """The counts of a weights file, None where it has none. Raises BadWeights where no text has such counts."""
    if "counts" not in tensors:
        return None
    counts = stored_array(tensors, "counts", torch.int64, (trie.num_nodes,)).numpy()
    num_tokens = int(stored_array(tensors, "num_tokens", torch.int64, (1,)).item())
    check_stored("num_tokens", 0 <= num_tokens <= _MAX_COUNT, f"it must be 0 to {_MAX_COUNT:,}")
    num_counted = max(num_tokens - 1, 0)  # the first start token is only context
    check_stored(
        "counts",
        bool((counts >= 0).all())
        and all(counts[trie.level(m)].sum(dtype=np.float64) <= num_counted + 1 for m in range(trie.order + 1))
        and counts[ROOT] == num_counted == counts[trie.level(1)].sum(),
        f"they must be 0 or more, and those of single tokens {num_counted:,} in all",
    )
    ending = _windows_ending_at(trie, counts, start_token, num_tokens)
    check_stored("counts", bool((ending[1:] >= 0).all()), "no n-gram can occur more often than its beginning")

    tail = stored_array(tensors, "tail", torch.int32, (min(trie.order - 1, num_tokens),)).numpy()
    check_stored("tail", bool(((tail >= 0) & (tail < trie.vocab_size)).all()), "they must be token ids")
    for begin in range(len(tail)):
        node = ROOT
        for index, token in enumerate(tail[begin:]):
            node = find_child(trie.tokens, trie.first_child, node, token) if node >= 0 else -1
            if index and token == start_token:
                break
        if node >= 0:
            ending[node] -= 1
        check_stored("tail", node >= 0 and ending[node] >= 0, "the text can't end so by its counts")
    return Counts(trie, counts, tail, num_tokens)


def _windows_ending_at(trie: Trie, counts: Ints, start_token: int, num_tokens: int) -> Ints:
    """(X,): how many windows of counting end at each n-gram: its occurrences that no longer n-gram continues."""
    ending = counts.copy()
    ending[trie.level(1)][start_token] += num_tokens > 0
    before = np.concatenate([[0], np.cumsum(counts)])  # (X + 1,)
    ending[: trie.num_inner] -= before[trie.first_child[1:]] - before[trie.first_child[:-1]]
    return ending
