"""Reads many prompts; prefixes that they share are read once.

Prompts form a tree: those with a common prefix are one branch until they differ. The tree is read level by level, all
branches of a level in one batch, and where a branch splits its state is forked. A prefix that later batches need too is
kept for them. So a few-shot prefix of a thousand questions, or a prompt with a hundred samples, is read once.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from harness.common.lazy import LazyModule

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from models.language_model import LanguageModel, State
else:
    torch = LazyModule("torch")


DEFAULT_BATCH_SIZE = 64
"""Sequences that are read or written side by side."""
# The shortest prefix that is shared, in tokens: reading a shorter one again is faster than forking a state.
_SHORTEST_SHARED = 16
# Texts are read in pieces that need at most this many float32 values at once.
_VALUES_AT_ONCE = 1 << 22


class _Branch(NamedTuple):
    """Prompts whose common prefix is read once for all of them."""

    row: int
    """The row of the state that they continue from."""
    read: int
    """How many tokens of each prompt have been read."""
    begin: int
    """The first of them in sorted order; `end` is one after the last."""
    end: int


class PromptReader:
    """Reads prompts, token sequences of any lengths, from the start of a document, a batch at a time."""

    def __init__(self, model: LanguageModel, prompts: Sequence[np.ndarray], share: bool = True) -> None:
        """share: whether common prefixes are read once; it changes nothing else."""
        self._model, self._prompts, self._share = model, prompts, share
        self._sorted = sorted(range(len(prompts)), key=lambda index: prompts[index].tolist())
        self._rank = {index: rank for rank, index in enumerate(self._sorted)}
        # Prefixes that later batches need again, each longer than the previous, with the state after it.
        self._kept: list[tuple[np.ndarray, State]] = []

    def batches(self, size: int) -> Iterator[list[int]]:
        """Indices of the prompts, at most `size` (1 or more) at a time: prompts that share most of their text together,
        the rest with others of similar length, so that few rows wait for others."""
        order = sorted(range(len(self._prompts)), key=lambda index: len(self._prompts[index]))
        if self._share:
            alike = self._alike()
            order = [index for index in order if index not in alike]
            order += [index for index in self._sorted if index in alike]
        for begin in range(0, len(order), size):
            yield order[begin : begin + size]

    def read(self, batch: Sequence[int]) -> State:
        """The state after each of these prompts, given by their indices, in this order."""
        if not self._share:
            prompts = [self._prompts[index] for index in batch]
            return _read(self._model, self._model.start(len(prompts)), prompts)
        order = sorted(range(len(batch)), key=lambda row: self._rank[batch[row]])
        ordered = [self._prompts[batch[row]] for row in order]
        known, state = self._known(batch)
        branches = [_Branch(0, known, 0, len(ordered))]
        finished = False
        while not finished:
            state = state.select([branch.row for branch in branches])
            ends = [_shared_length(ordered, branch) for branch in branches]
            texts = [ordered[branch.begin][branch.read : end] for branch, end in zip(branches, ends, strict=True)]
            state = _read(self._model, state, texts)
            split = [
                _Branch(row, end, first, last)
                for row, (branch, end) in enumerate(zip(branches, ends, strict=True))
                for first, last in _split(ordered, branch, end)
            ]
            finished = len(split) == len(branches)
            branches = split
        rows = [branch.row for branch in branches for _ in range(branch.begin, branch.end)]
        positions = [0] * len(order)
        for position, row in enumerate(order):
            positions[row] = rows[position]
        return state.select(positions)

    def _alike(self) -> set[int]:
        """Indices of prompts that share at least half of their tokens with another."""
        alike: set[int] = set()
        for index, following in itertools.pairwise(self._sorted):
            shortest = min(len(self._prompts[index]), len(self._prompts[following]))
            if _common(self._prompts[index], self._prompts[following]) >= max(_SHORTEST_SHARED, shortest / 2):
                alike |= {index, following}
        return alike

    def _known(self, batch: Sequence[int]) -> tuple[int, State]:
        """(number of tokens, state) of the longest prefix of all these prompts that later prompts have too. The prefix
        is read here if it wasn't before."""
        ranks = sorted(self._rank[index] for index in batch)
        first, last = (self._prompts[self._sorted[rank]] for rank in (ranks[0], ranks[-1]))
        shared = first[: _common(first, last)]
        while self._kept and _common(self._kept[-1][0], shared) < len(self._kept[-1][0]):
            self._kept.pop()
        known, state = self._kept[-1] if self._kept else (shared[:0], self._model.start(1))
        for length in self._needed_later(ranks, shared):
            if length >= len(known) + _SHORTEST_SHARED:
                known, state = shared[:length], _read(self._model, state, [shared[len(known) : length]])
                self._kept.append((known, state))
        return len(known), state

    def _needed_later(self, ranks: Sequence[int], shared: np.ndarray) -> list[int]:
        """The lengths of `shared` that prompts other than those at `ranks` begin with too, shortest first."""
        # In order, prompts further on share less and less; those in between share it all.
        lengths = {len(shared)} if ranks[-1] - ranks[0] >= len(set(ranks)) else set()
        for index in self._sorted[ranks[-1] + 1 :]:
            length = _common(shared, self._prompts[index])
            if length < _SHORTEST_SHARED:
                break
            lengths.add(length)
        return sorted(lengths)


def _common(first: np.ndarray, second: np.ndarray) -> int:
    """The number of tokens in the common prefix of two sequences."""
    longest = min(len(first), len(second))
    differ = np.flatnonzero(first[:longest] != second[:longest])
    return int(differ[0]) if len(differ) else longest


def _shared_length(ordered: Sequence[np.ndarray], branch: _Branch) -> int:
    """The length of the common prefix of a branch: in sorted order, that of the first and the last prompt."""
    first, last = ordered[branch.begin], ordered[branch.end - 1]
    return branch.read + _common(first[branch.read :], last[branch.read :])


def _split(ordered: Sequence[np.ndarray], branch: _Branch, shared: int) -> list[tuple[int, int]]:
    """The branches that a branch splits into after `shared` tokens: prompts with a long enough common continuation."""
    if len(ordered[branch.end - 1]) == shared:
        return [(branch.begin, branch.end)]  # all of them end here
    groups: list[tuple[int, int]] = []
    first = branch.begin
    for index in range(branch.begin + 1, branch.end + 1):
        if index == branch.end or not _continue_alike(ordered[first], ordered[index], shared):
            groups.append((first, index))
            first = index
    return groups


def _continue_alike(first: np.ndarray, second: np.ndarray, shared: int) -> bool:
    if len(first) == len(second) and (first[shared:] == second[shared:]).all():
        return True
    end = shared + _SHORTEST_SHARED
    return len(first) >= end and len(second) >= end and bool((first[shared:end] == second[shared:end]).all())


def _read(model: LanguageModel, state: State, texts: Sequence[np.ndarray]) -> State:
    """Read a text on each row of a state, in pieces, so that a long one never needs (B, T, V) at once."""
    padded, lengths = pad(texts)
    piece = max(1, _VALUES_AT_ONCE // max(1, len(texts) * model.vocab_size))
    for begin in range(0, padded.shape[1], piece):
        part = padded[:, begin : begin + piece]
        _, state = model.read(state, part, (lengths - begin).clamp(0, part.shape[1]))
    return state


def pad(sequences: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
    """Sequences side by side, (B, longest) int64, and their lengths (B,)."""
    lengths = torch.tensor([len(tokens) for tokens in sequences])
    padded = torch.zeros(len(sequences), int(lengths.max()), dtype=torch.int64)
    for row, tokens in enumerate(sequences):
        padded[row, : len(tokens)] = torch.from_numpy(np.asarray(tokens, dtype=np.int64))
    return padded, lengths
