"""Smoothing: from the counts of n-grams to probabilities, by the standard methods.

Every smoothing gives a model of the same form (that of an ARPA file): each n-gram cw has a probability, and each
context c a back-off weight for the tokens that it hasn't seen:

    p(w | c) = p(cw)                      where cw was seen
               backoff(c) p(w | c')       elsewhere; c' is c without its oldest token

So a smoothing fills in both, level by level, from the shortest n-grams up. Interpolated ones have p(cw) = share(cw) +
backoff(c) p(w | c'), where a context's shares and its back-off weight add up to one. Below the single tokens lies the
uniform distribution over the vocabulary: the root's place among the probabilities holds 1 / V.

n-grams that a cut-off dropped give their mass to their context's back-off weight, as in KenLM (where there is no such
weight they count as never seen); discounts are estimated from all counts.

Chen and Goodman (1998), "An empirical study of smoothing techniques for language modeling", describe and compare all
but stupid back-off; equation numbers are theirs. Here c(cw) is a count, N(c) the number of tokens counted after c, and
T(c) how many different ones.

Shape legend: X nodes of the trie, I inner nodes, V vocabulary size, T tokens of held-out text.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numba
import numpy as np

from models.checks import Impossible
from models.ngrams.backoff import NOTHING
from models.ngrams.counting import Counts
from models.ngrams.held_out import choose_weights
from models.ngrams.trie import ROOT, Floats, Indices, Ints, Trie, find_child, step

FALLBACK_DISCOUNTS = (0.5, 1.0, 1.5)
"""The discounts of modified Kneser-Ney where the counts of counts allow no estimate; as in KenLM."""
FALLBACK_DISCOUNT = 0.5
"""The discount of absolute discounting in the same case."""
KATZ_LIMIT = 5
"""Katz: counts above this are reliable, and not discounted."""
NUM_BUCKETS = 24
"""Jelinek-Mercer: contexts are grouped by the power of two of their count, up to 2 ** 23."""
_COUNTS_OF_COUNTS = KATZ_LIMIT + 1


@dataclass(frozen=True, eq=False)
class Tallies:
    """What a smoothing starts from: the n-grams that are kept, and their counts."""

    trie: Trie
    counts: Ints
    """(X,): of each n-gram; raw, or adjusted (see `tally`)."""
    totals: Ints
    """(I,): the sum of a context's counts, those of dropped n-grams included."""
    dropped: Ints
    """(I,): the part of it that dropped n-grams had."""
    types: Ints
    """(I,): how many different tokens were seen after a context, dropped ones included."""
    counts_of_counts: Ints
    """(order + 1, 7): [m, r] n-grams of m tokens have a count of r, for r from 1 to 6; dropped ones included."""
    context_shares: Floats
    """(I,): how often each context occurs (raw), as a share of all places."""
    start_token: int


def tally(counted: Counts, start_token: int, adjusted: bool, kept: np.ndarray | None) -> Tallies:
    """The tallies of these counts.

    adjusted: below the highest order, count not how often an n-gram occurs, but how many different tokens come just
    before it (Kneser and Ney 1995); what begins with the start token has nothing before it and keeps its raw count, as
    KenLM does with <s>. kept: (X,) which n-grams are kept; None: all.
    """
    trie, counts = counted.trie, counted.counts
    if adjusted:
        extensions = np.zeros(trie.num_nodes, np.int64)
        _count_extensions(trie.suffix, extensions, trie.level_begins[2])
        counts = np.where(extensions > 0, extensions, counts)
        counts[trie.level(trie.order)] = counted.counts[trie.level(trie.order)]
    counts_of_counts = np.stack(
        [
            np.bincount(np.minimum(counts[trie.level(m)], _COUNTS_OF_COUNTS + 1), minlength=_COUNTS_OF_COUNTS + 2)[:-1]
            for m in range(trie.order + 1)
        ]
    )
    totals, types = _sums(trie.first_child, counts)
    occurrences = _sums(trie.first_child, counted.counts)[0] if adjusted else totals
    dropped = np.zeros_like(totals)
    if kept is not None:
        full_trie = trie
        trie, nodes = full_trie.keep(kept)
        contexts = nodes[: trie.num_inner]
        counts, types, totals, occurrences = counts[nodes], types[contexts], totals[contexts], occurrences[contexts]
        dropped = totals - _sums(trie.first_child, counts)[0]
    shares = occurrences / max(1, counted.counts[0])
    return Tallies(trie, counts, totals, dropped, types, counts_of_counts, shares, start_token)


@dataclass(frozen=True)
class Smoothing(ABC):
    """One way to smooth; its fields are its options."""

    adjusted = False
    """Whether it uses adjusted counts (see `tally`)."""
    is_distribution = True
    """Whether its scores sum to one."""
    gives_zeros = False
    """Whether unseen n-grams may have no probability at all."""

    def estimate(
        self, tallies: Tallies, parameters: Floats, on_level: Callable[[float], None] = lambda fraction: None
    ) -> tuple[Floats, Floats]:
        """(probabilities (X,), back-off weights (I,)). `on_level` is called with the fraction done."""
        trie = tallies.trie
        probabilities = np.zeros(trie.num_nodes)
        backoffs = np.ones(trie.num_inner)
        probabilities[ROOT] = 1 / tallies.trie.vocab_size
        for m in range(1, trie.order + 1):
            self.fill(tallies, m, parameters[m - 1], probabilities, backoffs)
            on_level(trie.level_begins[m + 1] / trie.num_nodes)
        return probabilities, backoffs

    def parameters(self, tallies: Tallies, held_out: Sequence[Ints]) -> Floats:
        """(order, P): the few numbers that all contexts of a length share, as discounts; from the shortest up.

        held_out: documents, without start tokens, to choose them by.
        """
        return np.zeros((tallies.trie.order, 0))

    @abstractmethod
    def fill(self, tallies: Tallies, m: int, parameters: Floats, probabilities: Floats, backoffs: Floats) -> None:
        """Write the probabilities of the n-grams of m tokens, and the back-off weights of their contexts.

        parameters: (P,), those of this length.
        """


@dataclass(frozen=True)
class ModifiedKneserNey(Smoothing):
    """Interpolated modified Kneser-Ney: three discounts an order, on adjusted counts."""

    adjusted = True

    def parameters(self, tallies: Tallies, held_out: Sequence[Ints]) -> Floats:
        """(order, 3): what is taken off counts of 1, 2, and 3 or more: equation (26).

        Where an order's counts of counts allow no estimate (none of one of the first three, or a discount outside what
        it can be), all are FALLBACK_DISCOUNTS. 0 counts as outside: it could leave a token without a probability.
        """
        return np.array([_kneser_ney_discounts(*counts[1:5].tolist()) for counts in tallies.counts_of_counts[1:]])

    def fill(self, tallies: Tallies, m: int, parameters: Floats, probabilities: Floats, backoffs: Floats) -> None:
        _discount(_level(tallies, m), parameters, probabilities, backoffs)


def _kneser_ney_discounts(n1: int, n2: int, n3: int, n4: int) -> tuple[float, float, float]:
    if not (n1 and n2 and n3):
        return FALLBACK_DISCOUNTS
    y = n1 / (n1 + 2 * n2)
    first, second, third = 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3
    possible = 0 < first <= 1 and 0 < second <= 2 and 0 < third <= 3
    return (first, second, third) if possible else FALLBACK_DISCOUNTS


@dataclass(frozen=True)
class AbsoluteDiscounting(Smoothing):
    """One discount an order off every count, interpolated (Ney, Essen and Kneser 1994)."""

    def parameters(self, tallies: Tallies, held_out: Sequence[Ints]) -> Floats:
        """(order, 1): n1 / (n1 + 2 n2), or FALLBACK_DISCOUNT where no n-gram occurs once, or none twice."""
        n1, n2 = tallies.counts_of_counts[1:, 1:3].T
        estimable = (n1 > 0) & (n2 > 0)
        return np.where(estimable, n1 / np.maximum(n1 + 2 * n2, 1), FALLBACK_DISCOUNT)[:, None]

    def fill(self, tallies: Tallies, m: int, parameters: Floats, probabilities: Floats, backoffs: Floats) -> None:
        _discount(_level(tallies, m), parameters.repeat(3), probabilities, backoffs)


@dataclass(frozen=True)
class WittenBell(Smoothing):
    """Interpolated: each different token seen after a context counts once for what may come new (Witten and Bell 1991).

    p(w | c) = (c(cw) + T(c) p(w | c')) / (N(c) + T(c))
    """

    def fill(self, tallies: Tallies, m: int, parameters: Floats, probabilities: Floats, backoffs: Floats) -> None:
        _witten_bell(_level(tallies, m), tallies.types, probabilities, backoffs)


@dataclass(frozen=True)
class Katz(Smoothing):
    """Katz (1987): counts up to 5 discounted by the Good-Turing estimate; back-off, not interpolated.

    Where the counts of counts make a discount impossible, fewer counts are discounted, at worst none. A context whose
    counts then leave nothing for what it hasn't seen uses N(c) + 1 instead of N(c), as in SRILM.
    """

    def parameters(self, tallies: Tallies, held_out: Sequence[Ints]) -> Floats:
        """(order, 5): what remains of counts from 1 to 5, as a share of them."""
        return np.array([_katz_ratios(counts.astype(np.float64)) for counts in tallies.counts_of_counts[1:]])

    def fill(self, tallies: Tallies, m: int, parameters: Floats, probabilities: Floats, backoffs: Floats) -> None:
        _katz(_level(tallies, m), parameters, probabilities, backoffs)


def _katz_ratios(n: Floats) -> Floats:
    """n: (7,), n[r] n-grams have a count of r."""
    for limit in range(KATZ_LIMIT, 0, -1):
        r = np.arange(1, limit + 1)
        if n[r].all() and (unreliable := (limit + 1) * n[limit + 1] / n[1]) < 1:
            ratios = ((r + 1) * n[r + 1] / (r * n[r]) - unreliable) / (1 - unreliable)
            if ((ratios > 0) & (ratios < 1)).all():
                return np.append(ratios, np.ones(KATZ_LIMIT - limit))
    return np.ones(KATZ_LIMIT)


@dataclass(frozen=True)
class JelinekMercer(Smoothing):
    """Interpolated with weights that held-out text chooses (Jelinek and Mercer 1980).

    p(w | c) = l c(cw) / N(c) + (1 - l) p(w | c'), one weight l for all contexts of a length whose counts have the same
    power of two (models/ngrams/held_out.py).
    """

    def parameters(self, tallies: Tallies, held_out: Sequence[Ints]) -> Floats:
        """(order, 24): a weight for each power of two of a context's count."""
        if not any(map(len, held_out)):
            raise Impossible(
                "smoothing=jelinek_mercer needs validation text to choose its weights, but there is none. Use data "
                "with a validation split."
            )
        shares, buckets = (
            np.concatenate(arrays)
            for arrays in zip(*(self._evidence(tallies, document) for document in held_out), strict=True)
        )
        below = np.full(len(shares), 1 / tallies.trie.vocab_size)
        weights = choose_weights(shares, buckets, below, tallies.trie.order * NUM_BUCKETS)
        return weights.reshape(tallies.trie.order, NUM_BUCKETS)

    def _evidence(self, tallies: Tallies, document: Ints) -> tuple[Floats, Ints]:
        trie = tallies.trie
        levels = np.searchsorted(np.array(trie.level_begins), np.arange(trie.num_inner), side="right") - 1
        return _evidence(
            document, trie.tokens, trie.first_child, trie.suffix, levels, tallies.counts, tallies.totals,
            tallies.start_token, trie.order,
        )  # fmt: skip

    def fill(self, tallies: Tallies, m: int, parameters: Floats, probabilities: Floats, backoffs: Floats) -> None:
        _jelinek_mercer(_level(tallies, m), parameters, probabilities, backoffs)


@dataclass(frozen=True)
class AddK(Smoothing):
    """k more for every token after every context (Lidstone 1920): (c(cw) + k) / (N(c) + k V).

    Only the longest context counts; one never seen leaves the uniform distribution. Near a document's beginning the
    longest context is that of all tokens so far.
    """

    k: float

    def fill(self, tallies: Tallies, m: int, parameters: Floats, probabilities: Floats, backoffs: Floats) -> None:
        trie = tallies.trie
        opens = np.zeros(trie.num_nodes, np.bool_)
        opens[1 + tallies.start_token] = True
        _inherit(trie.first_child, opens)
        longest = opens[: trie.num_inner] | (m == trie.order)
        _add_k(_level(tallies, m), longest, self.k, tallies.trie.vocab_size, probabilities, backoffs)


@dataclass(frozen=True)
class StupidBackoff(Smoothing):
    """Relative frequencies; what is unseen has `factor` times the shorter context's (Brants et al. 2007).

    Scores, not probabilities: they don't sum to one. A context that was never seen itself costs no factor.
    """

    factor: float
    is_distribution = False
    gives_zeros = True

    def fill(self, tallies: Tallies, m: int, parameters: Floats, probabilities: Floats, backoffs: Floats) -> None:
        _relative(_level(tallies, m), self.factor, probabilities, backoffs)


@dataclass(frozen=True)
class MaximumLikelihood(Smoothing):
    """Relative frequencies after the longest context that was seen; what was never seen after it gets nothing."""

    gives_zeros = True

    def fill(self, tallies: Tallies, m: int, parameters: Floats, probabilities: Floats, backoffs: Floats) -> None:
        _relative(_level(tallies, m), 0.0, probabilities, backoffs)


class Level(NamedTuple):
    """What the kernels below start from: the contexts of one length, and the trie with its tallies."""

    begin: int
    """The first of the contexts; `end` is the node after the last."""
    end: int
    first_child: Indices
    suffix: Indices
    counts: Ints
    totals: Ints
    dropped: Ints


def _level(tallies: Tallies, m: int) -> Level:
    """The contexts of the n-grams of m tokens."""
    trie = tallies.trie
    begin, end = trie.level_begins[m - 1 : m + 1]
    return Level(begin, end, trie.first_child, trie.suffix, tallies.counts, tallies.totals, tallies.dropped)


@numba.njit(cache=True, nogil=True)
def _discount(level: Level, discounts: Floats, probabilities: Floats, backoffs: Floats) -> None:
    """discounts: (3,), what is taken off counts of 1, 2, and 3 or more."""
    for context in range(level.begin, level.end):
        first, last = level.first_child[context], level.first_child[context + 1]
        if level.totals[context] > 0 and first < last:
            discounted = np.float64(level.dropped[context])
            for child in range(first, last):
                discounted += _discount_of(level.counts[child], discounts)
            backoffs[context] = discounted / level.totals[context]
        for child in range(first, last):
            below = backoffs[context] * probabilities[level.suffix[child]]
            count = level.counts[child]
            share = (count - _discount_of(count, discounts)) / level.totals[context] if count > 0 else 0.0
            probabilities[child] = share + below


@numba.njit(cache=True, nogil=True)
def _discount_of(count: int, discounts: Floats) -> float:
    return discounts[min(count, len(discounts)) - 1] if count > 0 else 0.0


@numba.njit(cache=True, nogil=True)
def _witten_bell(level: Level, types: Ints, probabilities: Floats, backoffs: Floats) -> None:
    for context in range(level.begin, level.end):
        first, last = level.first_child[context], level.first_child[context + 1]
        denominator = level.totals[context] + types[context]
        if denominator > 0 and first < last:
            backoffs[context] = (types[context] + level.dropped[context]) / denominator
        for child in range(first, last):
            below = backoffs[context] * probabilities[level.suffix[child]]
            probabilities[child] = (level.counts[child] / denominator if level.counts[child] > 0 else 0.0) + below


@numba.njit(cache=True, nogil=True)
def _katz(level: Level, ratios: Floats, probabilities: Floats, backoffs: Floats) -> None:
    num_tokens = level.first_child[ROOT + 1] - level.first_child[ROOT]
    for context in range(level.begin, level.end):
        first, last = level.first_child[context], level.first_child[context + 1]
        num_seen, mass, lower_mass = 0, 0.0, 0.0
        for child in range(first, last):
            if level.counts[child] > 0:
                ratio = ratios[level.counts[child] - 1] if level.counts[child] <= len(ratios) else 1.0
                probabilities[child] = ratio * level.counts[child] / level.totals[context]
                mass += probabilities[child]
                lower_mass += probabilities[level.suffix[child]]
                num_seen += 1
        if num_seen == 0:
            for child in range(first, last):
                probabilities[child] = probabilities[level.suffix[child]]
            continue
        scale = 1.0
        if num_seen == num_tokens:
            scale = 1 / mass
        elif 1 - mass < NOTHING:
            scale = level.totals[context] / (level.totals[context] + 1)
        left, room = 1 - scale * mass, 1 - lower_mass
        backoffs[context] = left / room if num_seen < num_tokens and room > NOTHING else 1.0
        for child in range(first, last):
            if level.counts[child] > 0:
                probabilities[child] *= scale
            else:
                probabilities[child] = backoffs[context] * probabilities[level.suffix[child]]


@numba.njit(cache=True, nogil=True)
def _jelinek_mercer(level: Level, weights: Floats, probabilities: Floats, backoffs: Floats) -> None:
    for context in range(level.begin, level.end):
        first, last = level.first_child[context], level.first_child[context + 1]
        if level.totals[context] == 0 or first == last:
            for child in range(first, last):
                probabilities[child] = probabilities[level.suffix[child]]
            continue
        weight = weights[_bucket(level.totals[context])]
        backoffs[context] = 1 - weight + weight * level.dropped[context] / level.totals[context]
        for child in range(first, last):
            share = weight * level.counts[child] / level.totals[context]
            probabilities[child] = share + backoffs[context] * probabilities[level.suffix[child]]


@numba.njit(cache=True, nogil=True)
def _add_k(
    level: Level, longest: np.ndarray, k: float, vocab_size: int, probabilities: Floats, backoffs: Floats
) -> None:
    for context in range(level.begin, level.end):
        first, last = level.first_child[context], level.first_child[context + 1]
        denominator = level.totals[context] + k * vocab_size
        if longest[context] and first < last:
            backoffs[context] = (k * vocab_size + level.dropped[context]) / denominator
        for child in range(first, last):
            share = level.counts[child] / denominator if longest[context] else 0.0
            probabilities[child] = share + backoffs[context] * probabilities[level.suffix[child]]


@numba.njit(cache=True, nogil=True)
def _relative(level: Level, factor: float, probabilities: Floats, backoffs: Floats) -> None:
    for context in range(level.begin, level.end):
        first, last = level.first_child[context], level.first_child[context + 1]
        if first < last:
            backoffs[context] = factor
        denominator = level.totals[context] - level.dropped[context]
        for child in range(first, last):
            probabilities[child] = level.counts[child] / denominator if denominator > 0 else 0.0


@numba.njit(cache=True, nogil=True)
def _bucket(total: int) -> int:
    return min(NUM_BUCKETS - 1, int(np.floor(np.log2(total))))


@numba.njit(cache=True, nogil=True)
def _evidence(
    document: Ints,
    tokens: Indices,
    first_child: Indices,
    suffix: Indices,
    levels: Ints,
    counts: Ints,
    totals: Ints,
    start_token: int,
    order: int,
) -> tuple[Floats, Ints]:
    """What each context gives each token of a document, c(cw) / N(c) (T, order), by the context's length; and the
    context's bucket, -1 where it wasn't seen.
    """
    shares = np.zeros((len(document), order))
    buckets = np.full((len(document), order), -1, np.int64)
    longest = step(tokens, first_child, suffix, ROOT, start_token)
    for position in range(len(document)):
        context = longest
        while True:
            if totals[context] > 0:
                child = find_child(tokens, first_child, context, document[position])
                buckets[position, levels[context]] = levels[context] * NUM_BUCKETS + _bucket(totals[context])
                if child >= 0:
                    shares[position, levels[context]] = counts[child] / totals[context]
            if context == ROOT:
                break
            context = suffix[context]
        longest = step(tokens, first_child, suffix, longest, document[position])
    return shares, buckets


@numba.njit(cache=True, nogil=True)
def _count_extensions(suffix: Indices, extensions: Ints, begin: int) -> None:
    """Of each n-gram, how many n-grams of one token more end in it; `begin`: the first node of level 2."""
    for node in range(begin, len(suffix)):
        extensions[suffix[node]] += 1


@numba.njit(cache=True, nogil=True)
def _sums(first_child: Indices, counts: Ints) -> tuple[Ints, Ints]:
    """(I,) each: the sum of the children's counts, and how many of them aren't 0."""
    totals = np.zeros(len(first_child) - 1, np.int64)
    types = np.zeros(len(first_child) - 1, np.int64)
    for context in range(len(totals)):
        for child in range(first_child[context], first_child[context + 1]):
            totals[context] += counts[child]
            types[context] += counts[child] > 0
    return totals, types


@numba.njit(cache=True, nogil=True)
def _inherit(first_child: Indices, marks: np.ndarray) -> None:
    """Mark the children, and their children, of every marked node."""
    for node in range(len(first_child) - 1):
        if marks[node]:
            for child in range(first_child[node], first_child[node + 1]):
                marks[child] = True
