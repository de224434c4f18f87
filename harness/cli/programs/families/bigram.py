"""Letter pairs, or pairs of other tokens: what comes next depends on the last token alone (MacKay and Peto 1995)."""

from __future__ import annotations

from typing import Any

import numpy as np


class Model:
    """p(b | a) = (count(ab) + concentration m(b)) / (count(a) + concentration), where m is the token frequencies.

    `pair_keys` has a V + b for each pair ab that was seen, in order, and `pair_counts` how often.
    """

    def __init__(self, weights: dict[str, np.ndarray], settings: dict[str, Any]) -> None:
        self.keys, self.counts = weights["pair_keys"], weights["pair_counts"]
        self.vocab_size, self.concentration = settings["vocab_size"], settings["concentration"]
        tokens = np.bincount(self.keys % self.vocab_size, self.counts, self.vocab_size) + 1
        self.frequencies = tokens / tokens.sum()

    def read(self, token: int) -> np.ndarray:
        """Read a token; the log-probabilities of the next one: (V,)."""
        begin, end = np.searchsorted(self.keys, [token * self.vocab_size, (token + 1) * self.vocab_size])
        counts = np.zeros(self.vocab_size)
        counts[self.keys[begin:end] % self.vocab_size] = self.counts[begin:end]
        mass = counts + self.concentration * self.frequencies
        return np.log(mass / (counts.sum() + self.concentration)).astype(np.float32)
