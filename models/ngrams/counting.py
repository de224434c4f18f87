"""Counting the n-grams of a token stream, within a bound on memory and in time linear in its length.

Every place of the stream opens a window of `order` tokens; a window ends early at the end of its document. Equal
windows are counted in a hash table; a full table is sorted and written to disk as a run. In the end all runs are
merged, a range of windows at a time, and the sorted windows become a trie (models/ngrams/trie.py): an n-gram occurs as
often as windows begin with it. Where all windows fit into one table, nothing is written to disk.

Windows are keys of one or more 64-bit words: each token takes a fixed number of bits, the oldest the highest; what lies
beyond a window's end is 0 and tokens count from 1, so keys in order are windows in order, shorter ones first.

Heafield (2011, 2013) counts n-grams in this way; there the windows end at each place and are sorted by their newest
token first.

Shape legend: N windows, W words of a key, X nodes of the trie.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from models.ngrams.trie import Indices, Ints, Trie

Keys = NDArray[np.uint64]
Tokens = NDArray[np.int32]

_SMALLEST_TABLE = 1 << 14
# The share of a table's slots that is filled before it grows or is written out.
_FULL = 0.6
_RADIX_BITS = 11
_SAMPLES_A_PART = 64
# A partition of the merge holds this many times its own size: runs' slices, the sorted copy, the merged one.
_COPIES_IN_MERGE = 3


@dataclass(frozen=True, eq=False)
class Counts:
    """How often each n-gram occurs."""

    trie: Trie
    counts: Ints
    """(X,). The start token at the stream's very beginning is context only, and not counted; the root's is the sum."""
    tail: Tokens
    """The stream's last order - 1 tokens, whose windows grow when it continues."""
    num_tokens: int
    """Of the stream."""


@dataclass(frozen=True)
class Layout:
    """How a window is written as a key."""

    order: int
    bits: int
    """Of a token."""
    per_word: int
    """Tokens in a word."""

    @classmethod
    def of(cls, order: int, vocab_size: int) -> Layout:
        bits = vocab_size.bit_length()
        return cls(order, bits, 64 // bits)

    @property
    def num_words(self) -> int:
        return -(-self.order // self.per_word)

    def bits_in_use(self) -> list[tuple[int, int]]:
        """For each word of a key: its lowest bit in use, and the one past its highest."""
        top = self.per_word * self.bits
        tokens_per_word = [min(self.per_word, self.order - first) for first in range(0, self.order, self.per_word)]
        return [(top - number * self.bits, top) for number in tokens_per_word]


class Counter:
    """Counts a stream stretch by stretch. Used in a `with` block, which deletes what it wrote to disk."""

    def __init__(
        self, order: int, vocab_size: int, start_token: int, memory_bytes: int, scratch: Path | None = None
    ) -> None:
        """memory_bytes: the most that tables and sorting may take, without the trie. scratch: the folder below which
        sorted runs are written; None: the system's for temporary files.
        """
        self.layout = Layout.of(order, vocab_size)
        self.vocab_size, self.start_token = vocab_size, start_token
        self.num_tokens = 0
        row_bytes = 8 * (self.layout.num_words + 1)
        # In memory beside the table: its rows and their sorted copy.
        most = max(1, int(memory_bytes / (row_bytes * (1 + 2 * _FULL))))
        self._most_slots = max(_SMALLEST_TABLE, 1 << (most.bit_length() - 1))
        self._rows_at_once = max(1, memory_bytes // (row_bytes * _COPIES_IN_MERGE))
        self._pending: Tokens = np.zeros(0, np.int32)
        self._runs: list[tuple[Keys, Ints]] = []
        self._scratch = scratch
        self._folder: Path | None = None
        self._new_table(_SMALLEST_TABLE)

    def __enter__(self) -> Counter:
        return self

    def __exit__(self, *_: object) -> None:
        self._runs = []
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def add(self, tokens: Tokens) -> None:
        """Count a stretch that follows the last one. tokens: (N,)."""
        self.num_tokens += len(tokens)
        stream = np.concatenate([self._pending, tokens.astype(np.int32, copy=False)])
        ready = max(0, len(stream) - self.layout.order + 1)
        self._count(stream, ready)
        self._pending = stream[ready:].copy()

    def go_on_from(self, counted: Counts) -> None:
        """Continue from the counts of another counter; called before the first stretch."""
        trie, bits, per_word = counted.trie, self.layout.bits, self.layout.per_word
        self._pending = counted.tail
        self.num_tokens = counted.num_tokens
        ending = counted.counts.copy()
        ending[trie.level(1)][self.start_token] += self.num_tokens > 0
        # An n-gram's own windows are those that end with it: all of its occurrences that no longer n-gram continues.
        _subtract_children(trie.first_child, ending)
        keys = np.zeros((len(ending), self.layout.num_words), np.uint64)
        _keys_of_nodes(trie.tokens, trie.first_child, keys, bits, per_word)
        filled = ending > 0
        filled[0] = False
        self._runs.append(_sorted(keys[filled], ending[filled], self.layout.bits_in_use()))
        # The tail's windows were cut short by the stream's end; now it continues.
        short = Counter(self.layout.order, self.vocab_size, self.start_token, 0)
        short._count(counted.tail, len(counted.tail))
        keys, counts = short._sorted_table()
        self._runs.append((keys, -counts))

    def counts(self) -> Counts:
        """All counts, as a trie. Called once, at the end: `go_on_from` continues from it."""
        self._count(self._pending, len(self._pending))
        if self._runs:
            self._write_run()
            windows = self._merged([run for run in self._runs if len(run[1])])
        else:
            windows = iter([self._sorted_table()])
        return self._as_trie(windows)

    def _new_table(self, num_slots: int) -> None:
        self._keys: Keys = np.zeros((num_slots, self.layout.num_words), np.uint64)
        self._counts: Ints = np.zeros(num_slots, np.int64)
        self._used = 0

    def _count(self, stream: Tokens, num_windows: int) -> None:
        layout, position = self.layout, 0
        while True:
            limit = int(len(self._counts) * _FULL)
            position, self._used = _count_windows(
                stream, position, num_windows, layout.order, layout.bits, layout.per_word, self.start_token,
                self._keys, self._counts, self._used, limit,
            )  # fmt: skip
            if position == num_windows:
                return
            if len(self._counts) < self._most_slots:
                self._grow()
            else:
                self._write_run()

    def _grow(self) -> None:
        keys, counts = self._keys, self._counts
        self._new_table(min(4 * len(counts), self._most_slots))
        self._used = _rehash(keys, counts, self._keys, self._counts)

    def _sorted_table(self) -> tuple[Keys, Ints]:
        filled = self._counts > 0
        return _sorted(self._keys[filled], self._counts[filled], self.layout.bits_in_use())

    def _write_run(self) -> None:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="ngram-runs-", dir=self._scratch))
        on_disk: list[Any] = []
        for kind, array in zip(("keys", "counts"), self._sorted_table(), strict=True):
            path = self._folder / f"{len(self._runs)}.{kind}.npy"
            np.save(path, array, allow_pickle=False)
            on_disk.append(np.load(path, mmap_mode="r", allow_pickle=False) if len(array) else array)
        self._runs.append((on_disk[0], on_disk[1]))
        self._new_table(_SMALLEST_TABLE)

    def _merged(self, runs: Sequence[tuple[Keys, Ints]]) -> Iterator[tuple[Keys, Ints]]:
        """All windows in order with their counts, no window twice, a range at a time."""
        num_parts = -(-sum(len(counts) for _, counts in runs) // self._rows_at_once)
        cuts = [[0] * len(runs)]
        cuts += [[_lower_bound(keys, key) for keys, _ in runs] for key in self._splitters(runs, num_parts)]
        cuts += [[len(counts) for _, counts in runs]]
        for begins, ends in pairwise(cuts):
            spans = list(zip(runs, begins, ends, strict=True))
            keys = np.concatenate([keys[begin:end] for (keys, _), begin, end in spans])
            counts = np.concatenate([counts[begin:end] for (_, counts), begin, end in spans])
            keys, counts = _sorted(keys, counts, self.layout.bits_in_use())
            size = _add_up(keys, counts)
            yield keys[:size], counts[:size]

    def _splitters(self, runs: Sequence[tuple[Keys, Ints]], num_parts: int) -> Keys:
        """(at most num_parts - 1, W): windows that cut what all runs hold into about equal parts."""
        total = sum(len(counts) for _, counts in runs)
        stride = max(1, total // (num_parts * _SAMPLES_A_PART))
        sample = np.concatenate([keys[stride // 2 :: stride] for keys, _ in runs])
        sample, _ = _sorted(sample, np.zeros(len(sample), np.int64), self.layout.bits_in_use())
        return sample[len(sample) // num_parts :: max(1, len(sample) // num_parts)][: num_parts - 1]

    def _as_trie(self, windows: Iterator[tuple[Keys, Ints]]) -> Counts:
        order, bits, per_word = self.layout.order, self.layout.bits, self.layout.per_word
        levels = [_Level() for _ in range(order + 1)]
        last = np.zeros(self.layout.num_words, np.uint64)
        for keys, occurrences in windows:
            if not len(keys):
                continue
            shared, lengths = _compare(keys, last, order, bits, per_word)
            last = keys[-1].copy()
            for m in range(order):
                word, slot = divmod(m, per_word)
                levels[m].add(
                    *_nodes_of_level(
                        keys, word, bits * (per_word - 1 - slot), bits, m, occurrences, shared, lengths,
                        levels[m + 1].size,
                    )
                )  # fmt: skip
        vocabulary = np.arange(self.vocab_size)
        seen_tokens, counted, firsts = levels[0].arrays()
        firsts = np.append(firsts, levels[1].size)[np.searchsorted(seen_tokens, vocabulary)]
        singles = np.zeros(self.vocab_size, np.int64)
        singles[seen_tokens] = counted
        singles[self.start_token] -= self.num_tokens > 0
        arrays = [(vocabulary.astype(np.int32), singles, firsts), *(level.arrays() for level in levels[1:order])]
        del levels
        begins = np.cumsum([0, 1, *(len(tokens) for tokens, _, _ in arrays)])
        first_child = np.concatenate(
            [[1], *(firsts + begins[m + 2] for m, (_, _, firsts) in enumerate(arrays[:-1])), begins[-1:]]
        )
        all_tokens = np.concatenate([np.array([-1], np.int32), *(tokens for tokens, _, _ in arrays)])
        counts = np.concatenate([[singles.sum()], *(counts for _, counts, _ in arrays)])
        del arrays
        return Counts(Trie.of(all_tokens, first_child, begins), counts, self._pending, self.num_tokens)


@dataclass(eq=False)
class _Level:
    """The nodes of one level, as they are found."""

    parts: list[tuple[Tokens, Ints, Ints]] = field(default_factory=list)
    size: int = 0

    def add(self, tokens: Tokens, carried: int, counts: Ints, first_children: Ints) -> None:
        """carried: occurrences of the last node so far."""
        if carried:
            self.parts[-1][1][-1] += carried
        if len(tokens):
            self.parts.append((tokens, counts, first_children))
            self.size += len(tokens)

    def arrays(self) -> tuple[Tokens, Ints, Ints]:
        """Last tokens, counts, and the place in the next level of each first child."""
        empty = (np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0, np.int64))
        tokens, counts, firsts = (np.concatenate(arrays) for arrays in zip(empty, *self.parts, strict=True))
        return tokens, counts, firsts


@numba.njit(cache=True, nogil=True)
def _slot_of(key: Keys, keys: Keys, counts: Ints) -> int:
    """The slot of a table that holds this key, or the free one where it belongs."""
    mixed = np.uint64(0)
    for word in key:
        mixed = (mixed ^ word) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    mask = np.uint64(len(counts) - 1)
    slot = (mixed ^ (mixed >> np.uint64(32))) & mask
    while counts[slot] > 0:
        same = True
        for number in range(len(key)):
            if keys[slot, number] != key[number]:
                same = False
                break
        if same:
            break
        slot = (slot + np.uint64(1)) & mask
    return int(slot)


@numba.njit(cache=True, nogil=True)
def _count_windows(
    stream: Tokens,
    position: int,
    end: int,
    order: int,
    bits: int,
    per_word: int,
    start_token: int,
    keys: Keys,
    counts: Ints,
    used: int,
    limit: int,
) -> tuple[int, int]:
    """Count the windows that open at `position` to `end` - 1, until `limit` slots are used: (next position, used)."""
    key = np.zeros(keys.shape[1], np.uint64)
    shift = np.uint64(bits)
    while position < end and used < limit:
        ended = False
        for number in range(len(key)):
            value = np.uint64(0)
            for j in range(number * per_word, (number + 1) * per_word):
                value <<= shift
                index = position + j
                if j < order and index < len(stream) and not ended:
                    value |= np.uint64(stream[index] + 1)
                    ended = j > 0 and stream[index] == start_token
            key[number] = value
        slot = _slot_of(key, keys, counts)
        if counts[slot] == 0:
            for number in range(len(key)):  # a whole row at once takes numba seconds more to compile
                keys[slot, number] = key[number]
            used += 1
        counts[slot] += 1
        position += 1
    return position, used


@numba.njit(cache=True, nogil=True)
def _rehash(keys: Keys, counts: Ints, new_keys: Keys, new_counts: Ints) -> int:
    """Move a table's windows into a larger, empty one; how many they are."""
    used = 0
    for row in range(len(counts)):
        if counts[row] > 0:
            slot = _slot_of(keys[row], new_keys, new_counts)
            for number in range(keys.shape[1]):
                new_keys[slot, number] = keys[row, number]
            new_counts[slot] = counts[row]
            used += 1
    return used


def _sorted(keys: Keys, counts: Ints, bits_in_use: list[tuple[int, int]]) -> tuple[Keys, Ints]:
    """Rows in the order of their keys: a radix sort from the lowest digit up. May overwrite its arguments."""
    keys_to, counts_to = np.empty_like(keys), np.empty_like(counts)
    for word in reversed(range(len(bits_in_use))):
        low, top = bits_in_use[word]
        for shift in range(low, top, _RADIX_BITS):
            if _scatter(keys, counts, keys_to, counts_to, word, shift, min(_RADIX_BITS, top - shift)):
                keys, keys_to, counts, counts_to = keys_to, keys, counts_to, counts
    return keys, counts


@numba.njit(cache=True, nogil=True)
def _scatter(keys: Keys, counts: Ints, keys_to: Keys, counts_to: Ints, word: int, shift: int, num_bits: int) -> bool:
    """One pass of the radix sort, by one digit; False where all rows share it, and nothing was moved."""
    by, mask = np.uint64(shift), np.uint64((1 << num_bits) - 1)
    targets = np.zeros((1 << num_bits) + 1, np.int64)
    for row in range(len(keys)):
        targets[np.int64((keys[row, word] >> by) & mask) + 1] += 1
    if targets.max() == len(keys):
        return False
    for digit in range(1 << num_bits):
        targets[digit + 1] += targets[digit]
    for row in range(len(keys)):
        digit = int((keys[row, word] >> by) & mask)
        target = targets[digit]
        targets[digit] = target + 1
        for number in range(keys.shape[1]):
            keys_to[target, number] = keys[row, number]
        counts_to[target] = counts[row]
    return True


@numba.njit(cache=True, nogil=True)
def _add_up(keys: Keys, counts: Ints) -> int:
    """Join equal neighbours of sorted rows in place, and drop what adds up to nothing; how many rows are left."""
    size = 0
    for row in range(len(keys)):
        same = size > 0
        if same:
            for number in range(keys.shape[1]):
                if keys[row, number] != keys[size - 1, number]:
                    same = False
                    break
        if same:
            counts[size - 1] += counts[row]
        else:
            if size > 0 and counts[size - 1] == 0:
                size -= 1
            keys[size] = keys[row]
            counts[size] = counts[row]
            size += 1
    return size - 1 if size > 0 and counts[size - 1] == 0 else size


def _lower_bound(keys: Keys, key: Keys) -> int:
    """How many of these sorted keys come before `key`."""
    low, high = 0, len(keys)
    target = key.tolist()
    while low < high:
        middle = (low + high) // 2
        if keys[middle].tolist() < target:
            low = middle + 1
        else:
            high = middle
    return low


@numba.njit(cache=True, nogil=True)
def _compare(keys: Keys, last: Keys, order: int, bits: int, per_word: int) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Of each window: how many of its first tokens are those of the one before it, and how many it has."""
    shared = np.zeros(len(keys), np.int8)
    lengths = np.zeros(len(keys), np.int8)
    mask = np.uint64((1 << bits) - 1)
    for row in range(len(keys)):
        before = last if row == 0 else keys[row - 1]
        same = True
        for m in range(order):
            shift = np.uint64(bits * (per_word - 1 - m % per_word))
            symbol = (keys[row, m // per_word] >> shift) & mask
            if symbol == 0:
                break
            lengths[row] = m + 1
            same = same and symbol == (before[m // per_word] >> shift) & mask
            if same:
                shared[row] = m + 1
    return shared, lengths


@numba.njit(cache=True, nogil=True)
def _nodes_of_level(
    keys: Keys,
    word: int,
    shift: int,
    bits: int,
    m: int,
    occurrences: Ints,
    shared: NDArray[np.int8],
    lengths: NDArray[np.int8],
    children_before: int,
) -> tuple[Tokens, int, Ints, Ints]:
    """The nodes of m + 1 tokens that a range of windows opens.

    Returns their last tokens, the occurrences here of the last node before the range, the new ones' counts, and the
    place in the next level of each one's first child.
    """
    size = 0
    for row in range(len(keys)):
        size += shared[row] <= m < lengths[row]
    tokens = np.empty(size, np.int32)
    counts = np.zeros(size + 1, np.int64)
    first_children = np.empty(size, np.int64)
    mask, by = np.uint64((1 << bits) - 1), np.uint64(shift)
    node, child = -1, children_before
    for row in range(len(keys)):
        if m < lengths[row]:
            if shared[row] <= m:
                node += 1
                tokens[node] = np.int64((keys[row, word] >> by) & mask) - 1
                first_children[node] = child
            counts[node + 1] += occurrences[row]
        child += shared[row] <= m + 1 < lengths[row]
    return tokens, counts[0], counts[1:], first_children


@numba.njit(cache=True, nogil=True)
def _subtract_children(first_child: Indices, counts: Ints) -> None:
    for node in range(len(first_child) - 1):
        for child in range(first_child[node], first_child[node + 1]):
            counts[node] -= counts[child]


@numba.njit(cache=True, nogil=True)
def _keys_of_nodes(tokens: Indices, first_child: Indices, keys: Keys, bits: int, per_word: int) -> None:
    """Fill in the key of each node: its context's, and one token more."""
    depth = np.zeros(len(tokens), np.int8)
    for node in range(len(first_child) - 1):
        word, slot = depth[node] // per_word, depth[node] % per_word
        shift = np.uint64(bits * (per_word - 1 - slot))
        for child in range(first_child[node], first_child[node + 1]):
            depth[child] = depth[node] + 1
            keys[child] = keys[node]
            keys[child, word] |= np.uint64(tokens[child] + 1) << shift
