"""How varied texts are: what they repeat, what they share, and how their words are spread.

Works on sequences of anything, tokens or words. What can't be measured on too little text is None, never 0.
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
    """The share of n-grams that occur earlier in the same sequence already (seq-rep-n of Welleck et al. 2020)."""
    all_ngrams = ngrams(sequence, n)
    return 1 - len(set(all_ngrams)) / len(all_ngrams) if all_ngrams else None


def distinct(sequences: Sequences, n: int) -> float | None:
    """Different n-grams of all sequences together, as a share of all n-grams (distinct-n of Li et al. 2016).

    It falls as there is more text: compare equally many texts of similar length.
    """
    all_ngrams = [ngram for sequence in sequences for ngram in ngrams(sequence, n)]
    return len(set(all_ngrams)) / len(all_ngrams) if all_ngrams else None


def overlap(sequences: Sequences, n: int) -> float | None:
    """The share of one sequence's different n-grams that another has too, the mean over all pairs, both ways.

    1 for sequences that are the same. None for fewer than two that have n-grams.
    """
    sets = [grams for sequence in sequences if (grams := set(ngrams(sequence, n)))]
    shared = [len(a & b) / len(a) for i, a in enumerate(sets) for j, b in enumerate(sets) if i != j]
    return float(np.mean(shared)) if shared else None


def zipf_exponent(sequences: Sequences) -> float | None:
    """The exponent s of Zipf's law for the words of all sequences: the word of rank r occurs in proportion to r ** -s.

    Fitted by maximum likelihood to the words that occur 5 times or more, at the ranks 1 to R that their counts give
    them (ties in any order), for a law that ends at R: s is such that the mean of ln r over their occurrences is what
    the law expects. Rarer words are left out, for their ranks are chance (Clauset, Shalizi and Newman 2009, on fitting
    by maximum likelihood and on where a fit should begin). None where there are fewer than 10 such words.
    """
    from scipy.optimize import brentq  # only where it is needed: settings are checked without scipy

    counts = Counter(word for sequence in sequences for word in sequence)
    often = np.array(sorted((count for count in counts.values() if count >= _LEAST_OFTEN), reverse=True), dtype=float)
    if len(often) < _FEWEST_WORDS:
        return None
    log_ranks = np.log(np.arange(1, len(often) + 1))
    observed = float(often @ log_ranks / often.sum())

    def too_much(exponent: float) -> float:
        law = np.exp(-exponent * log_ranks)
        return float(law @ log_ranks / law.sum()) - observed

    return float(brentq(too_much, -1.0, 50.0))
