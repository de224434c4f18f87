"""Finds held-out documents that are copies or near-copies of training documents, so the model knows them already.

Copies are texts that differ only in case and white space. Near-copies share at least 80 % of their sequences of five
words, as estimated by MinHash (Broder 1997, "On the resemblance and containment of documents").
"""

from __future__ import annotations

import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

_WORDS = 5
_NEAR = 0.8
_SKETCH = 128
_Hashes = npt.NDArray[np.uint64]


def without_case_and_space(text: str) -> str:
    """The text with case folded and each run of white space as one space: equal for copies."""
    return " ".join(text.casefold().split())


def count_near_copies(held_out: Sequence[str], train: Iterable[str]) -> int:
    """How many of the held-out texts are copies or near-copies of a training text."""
    sketches = [_sketch(text) for text in held_out]
    holders: dict[int, list[int]] = defaultdict(list)
    for number, sketch in enumerate(sketches):
        for value in sketch.tolist():
            holders[value].append(number)
    near: set[int] = set()
    for text in train:
        sketch = _sketch(text)
        shared = Counter(number for value in sketch.tolist() for number in holders.get(value, ()))
        for number, count in shared.items():
            # With fewer shared hashes the texts can't be near-copies; this saves most comparisons.
            enough = count >= _NEAR * max(len(sketch), len(sketches[number]))
            if enough and number not in near and _resemblance(sketch, sketches[number]) >= _NEAR:
                near.add(number)
    return len(near)


def _sketch(text: str) -> _Hashes:
    """The smallest hashes of a text's word sequences, sorted. A shorter text is one sequence."""
    words = np.array([zlib.crc32(word.encode("utf-8", "surrogatepass")) for word in text.casefold().split()], np.uint64)
    size = min(_WORDS, len(words))
    sequences = np.zeros(len(words) - size + 1, np.uint64)
    for offset in range(size):
        sequences = _mixed(sequences + words[offset : len(words) - size + 1 + offset])
    return np.unique(sequences)[:_SKETCH]


def _mixed(values: _Hashes) -> _Hashes:
    """Hash each number, as the random generator splitmix64 does."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9) + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _resemblance(one: _Hashes, other: _Hashes) -> float:
    """The estimated share of the sequences of two texts that occur in both."""
    smallest = np.union1d(one, other)[:_SKETCH]
    return float(np.isin(smallest, np.intersect1d(one, other)).mean())
