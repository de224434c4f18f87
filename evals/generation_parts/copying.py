"""How much of a text was copied from the training text, byte for byte.

Exactly the stretches of `shortest` or more bytes that occur in both texts are found. The training text is cut into
blocks of half that length, and their hashes are stored: each such stretch contains a complete block. So the texts are
compared only around blocks that both contain, byte by byte, in both directions as far as they agree (as in rsync:
Tridgell and Mackerras 1996). A training text that repeats a short passage many times makes this slow, but never wrong.

Shape legend: N bytes of the training text, T bytes of the other text, K blocks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

# Between documents: UTF-8 never contains this byte, so no stretch crosses a document's end.
_BETWEEN = b"\xff"
_BASE = np.uint64(0x9E3779B97F4A7C15)
# This many blocks are hashed at a time.
_AT_ONCE = 1 << 20

Bytes = NDArray[np.uint8]
Places = NDArray[np.int64]
Hashes = NDArray[np.uint64]


@dataclass(frozen=True)
class Copied:
    """How much of a text was copied."""

    num_bytes: int
    """Bytes in stretches of `shortest` bytes or more that occur in the training text."""
    longest: int
    """Bytes of the longest such stretch; 0 without any."""


class CopyFinder:
    """Finds what a text copied from a training text."""

    def __init__(self, documents: Iterable[bytes], shortest: int) -> None:
        """documents: UTF-8. shortest: the least number of bytes that counts as copied; 2 or more."""
        assert shortest >= 2
        self.shortest = shortest
        self._width = (shortest + 1) // 2
        self._text: Bytes = np.frombuffer(_BETWEEN.join(documents), dtype=np.uint8)
        num_blocks = len(self._text) // self._width
        blocks = self._text[: num_blocks * self._width].reshape(num_blocks, self._width)
        hashes = self._hashes(blocks)
        self._order: Places = np.argsort(hashes, kind="stable")
        self._sorted: Hashes = hashes[self._order]

    def find(self, text: bytes) -> Copied:
        """How much of a text was copied."""
        if len(text) < self.shortest:
            return Copied(0, 0)
        array = np.frombuffer(text, dtype=np.uint8)
        hashes = self._hashes(np.lib.stride_tricks.sliding_window_view(array, self._width))
        begins = np.searchsorted(self._sorted, hashes, side="left")
        ends = np.searchsorted(self._sorted, hashes, side="right")
        copied = np.zeros(len(array), dtype=np.bool_)
        longest = _compare(array, self._text, self._order * self._width, begins, ends, self.shortest, copied)
        return Copied(int(copied.sum()), longest)

    def _hashes(self, blocks: Bytes) -> Hashes:
        """(K, width) to (K,): equal blocks have equal hashes, different blocks almost always different ones."""
        powers = _BASE ** np.arange(self._width, dtype=np.uint64)
        parts = [blocks[begin : begin + _AT_ONCE] @ powers for begin in range(0, len(blocks), _AT_ONCE)]
        return np.concatenate([np.empty(0, np.uint64), *parts])


@numba.njit(cache=True, nogil=True)
def _compare(
    text: Bytes, training: Bytes, places: Places, begins: Places, ends: Places, shortest: int, copied: NDArray[np.bool_]
) -> int:
    """Compare the text around each of its blocks with the training text around blocks of the same hash.

    places: where the training text's blocks begin, sorted by hash. begins, ends: for each block of the text, the range
    of `places` with its hash. Marks copied bytes in `copied`; returns the longest stretch.
    """
    longest = 0
    for here in range(len(begins)):
        for number in range(begins[here], ends[here]):
            there = places[number]
            left = 0
            while left < here and left < there and text[here - left - 1] == training[there - left - 1]:
                left += 1
            right = 0
            most = min(len(text) - here, len(training) - there)
            while right < most and text[here + right] == training[there + right]:
                right += 1
            if left + right >= shortest:
                copied[here - left : here + right] = True
                longest = max(longest, left + right)
        if longest == len(text):
            break
    return longest
