"""How varied texts are: repetition within a text, overlap between texts, and the distribution of words.

Works on sequences of tokens or of words. Where there is too little text for a measure, its value is None, never 0.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np

_WORD = re.compile(r"\w+|[^\w\s]")
_LEAST_OFTEN, _FEWEST_WORDS = 5, 10

Sequences = Sequence[Sequence[Hashable]]


def words(text: str) -> list[str]:
    """Words and punctuation marks, in order."""
    return _WORD.findall(text)


def ngrams(sequence: Sequence[Hashable], n: int) -> list[tuple[Hashable, ...]]:
    """All n-grams of a sequence, in order."""
    return list(zip(*(sequence[start:] for start in range(n)), strict=False))


def repetition(sequence: Sequence[Hashable], n: int) -> float | None:
    """The share of n-grams that occur earlier in the same sequence (seq-rep-n of Welleck et al. 2020)."""
    all_ngrams = ngrams(sequence, n)
    return 1 - len(set(all_ngrams)) / len(all_ngrams) if all_ngrams else None


def distinct(sequences: Sequences, n: int) -> float | None:
    """The share of different n-grams among all n-grams of all sequences (distinct-n of Li et al. 2016).

    It falls with more text, so compare equally many texts of similar length.
    """
    all_ngrams = [ngram for sequence in sequences for ngram in ngrams(sequence, n)]
    return len(set(all_ngrams)) / len(all_ngrams) if all_ngrams else None


def overlap(sequences: Sequences, n: int) -> float | None:
    """The share of a sequence's different n-grams that another one also has: the mean over all ordered pairs.

    1 for equal sequences. None where fewer than two have n-grams.
    """
    sets = [grams for sequence in sequences if (grams := set(ngrams(sequence, n)))]
    shared = [len(a & b) / len(a) for i, a in enumerate(sets) for j, b in enumerate(sets) if i != j]
    return float(np.mean(shared)) if shared else None


def zipf_exponent(sequences: Sequences) -> float | None:
    """The exponent s of Zipf's law for the words of all sequences: a word of rank r has a frequency proportional to r
    ** -s.

    Fitted by maximum likelihood to the words that occur 5 times or more, with ranks 1 to R by count (ties in any
    order), for a law that ends at R: the law's mean of ln r equals the observed mean. Rarer words are left out because
    their ranks are random (Clauset, Shalizi and Newman 2009, on maximum likelihood fits and where they should begin).
    None where there are fewer than 10 such words.
    """
    from scipy.optimize import brentq  # only where it is needed: settings are checked without scipy

    counts = Counter(word for sequence in sequences for word in sequence)
    frequent = np.array(
        sorted((count for count in counts.values() if count >= _LEAST_OFTEN), reverse=True), dtype=float
    )
    if len(frequent) < _FEWEST_WORDS:
        return None
    log_ranks = np.log(np.arange(1, len(frequent) + 1))
    observed = float(frequent @ log_ranks / frequent.sum())

    def excess(exponent: float) -> float:
        law = np.exp(-exponent * log_ranks)
        return float(law @ log_ranks / law.sum()) - observed

    return float(brentq(excess, -1.0, 50.0))
