"""Reading many prompts: what they share at their beginnings is read once.

Prompts make a tree: those that begin alike are one branch until they part. The tree is read level by level, all
branches of a level side by side, and where a branch parts its state is forked. What a batch shares with prompts of
later batches is kept for them. So a few-shot prefix of a thousand questions, or a prompt of which a hundred samples
are wanted, costs one reading.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from models.language_model import LanguageModel, State

DEFAULT_BATCH_SIZE = 64
"""Sequences that are read or written side by side."""
# A beginning is shared only if it is at least this long: less is read again faster than a state is forked.
_SHORTEST_SHARED = 16
# Texts are read in pieces that need at most this many float32 values at once.
_VALUES_AT_ONCE = 1 << 22


class _Branch(NamedTuple):
    """Prompts that are read as one so far."""

    row: int
    """Of the state: where they go on from."""
    read: int
    """Tokens of each that have been read."""
    begin: int
    """In order, the first of them; `end` comes after the last."""
    end: int


class PromptReader:
    """Reads prompts, token sequences of any lengths, from the start of a document, a batch at a time."""

    def __init__(self, model: LanguageModel, prompts: Sequence[np.ndarray], share: bool = True) -> None:
        """share: whether common beginnings are read once; it changes nothing else."""
        self._model, self._prompts, self._share = model, prompts, share
        self._sorted = sorted(range(len(prompts)), key=lambda place: prompts[place].tolist())
        self._rank = {place: rank for rank, place in enumerate(self._sorted)}
        # Beginnings that later batches need again, each longer than the one before, with the state after it.
        self._kept: list[tuple[np.ndarray, State]] = []

    def batches(self, size: int) -> Iterator[list[int]]:
        """Places of the prompts, at most `size` (1 or more) at a time: those that share most of their text together,
        the rest with others of like length, so that few rows wait for others."""
        order = sorted(range(len(self._prompts)), key=lambda place: len(self._prompts[place]))
        if self._share:
            alike = self._alike()
            order = [place for place in order if place not in alike]
            order += [place for place in self._sorted if place in alike]
        for begin in range(0, len(order), size):
            yield order[begin : begin + size]

    def read(self, places: Sequence[int]) -> State:
        """The state after each of these prompts, in this order."""
        if not self._share:
            prompts = [self._prompts[place] for place in places]
            return _read(self._model, self._model.start(len(prompts)), prompts)
        order = sorted(range(len(places)), key=lambda index: self._rank[places[index]])
        ordered = [self._prompts[places[index]] for index in order]
        known, state = self._known(places)
        branches = [_Branch(0, known, 0, len(ordered))]
        finished = False
        while not finished:
            state = state.select([branch.row for branch in branches])
            ends = [_shared_length(ordered, branch) for branch in branches]
            texts = [ordered[branch.begin][branch.read : end] for branch, end in zip(branches, ends, strict=True)]
            state = _read(self._model, state, texts)
            parted = [
                _Branch(row, end, first, last)
                for row, (branch, end) in enumerate(zip(branches, ends, strict=True))
                for first, last in _part(ordered, branch, end)
            ]
            finished = len(parted) == len(branches)
            branches = parted
        rows = [branch.row for branch in branches for _ in range(branch.begin, branch.end)]
        positions = [0] * len(order)
        for position, index in enumerate(order):
            positions[index] = rows[position]
        return state.select(positions)

    def _alike(self) -> set[int]:
        """Places of prompts that share at least half of their tokens with another."""
        alike: set[int] = set()
        for one, other in zip(self._sorted, self._sorted[1:], strict=False):
            shortest = min(len(self._prompts[one]), len(self._prompts[other]))
            if _common(self._prompts[one], self._prompts[other]) >= max(_SHORTEST_SHARED, shortest / 2):
                alike |= {one, other}
        return alike

    def _known(self, places: Sequence[int]) -> tuple[int, State]:
        """(tokens, state) of the longest beginning of all these prompts that others have too, which is read if need
        be."""
        ranks = sorted(self._rank[place] for place in places)
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
        """How much of `shared` other prompts than those at `ranks` begin with too, shortest first."""
        # In order, prompts further on share less and less; those in between share it all.
        lengths = {len(shared)} if ranks[-1] - ranks[0] >= len(set(ranks)) else set()
        for place in self._sorted[ranks[-1] + 1 :]:
            length = _common(shared, self._prompts[place])
            if length < _SHORTEST_SHARED:
                break
            lengths.add(length)
        return sorted(lengths)


def _common(one: np.ndarray, other: np.ndarray) -> int:
    """How many tokens two sequences begin with alike."""
    longest = min(len(one), len(other))
    differ = np.flatnonzero(one[:longest] != other[:longest])
    return int(differ[0]) if len(differ) else longest


def _shared_length(ordered: Sequence[np.ndarray], branch: _Branch) -> int:
    """How far the prompts of a branch agree; in order, that is how far the first and the last do."""
    first, last = ordered[branch.begin], ordered[branch.end - 1]
    return branch.read + _common(first[branch.read :], last[branch.read :])


def _part(ordered: Sequence[np.ndarray], branch: _Branch, shared: int) -> list[tuple[int, int]]:
    """The branches that a branch parts into after `shared` tokens: prompts that go on alike for long enough."""
    if len(ordered[branch.end - 1]) == shared:
        return [(branch.begin, branch.end)]  # all of them end here
    groups: list[tuple[int, int]] = []
    first = branch.begin
    for index in range(branch.begin + 1, branch.end + 1):
        if index == branch.end or not _go_on_alike(ordered[first], ordered[index], shared):
            groups.append((first, index))
            first = index
    return groups


def _go_on_alike(one: np.ndarray, other: np.ndarray, shared: int) -> bool:
    if len(one) == len(other) and (one[shared:] == other[shared:]).all():
        return True
    end = shared + _SHORTEST_SHARED
    return len(one) >= end and len(other) >= end and bool((one[shared:end] == other[shared:end]).all())


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
