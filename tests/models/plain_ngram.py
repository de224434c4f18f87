"""Smoothed n-grams in the simplest code: oracles for the tests, from the papers' formulas.

Slow on purpose: dictionaries of tuples, one token at a time, no shared code with models/.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter, defaultdict
from collections.abc import Sequence

Gram = tuple[int, ...]


class PlainNGram:
    """Documents are lists of tokens without the start token; each opens with it, and all but the last end with it."""

    adjusted = False

    def __init__(self, documents: Sequence[Sequence[int]], order: int, vocab_size: int, start: int) -> None:
        self.order, self.vocab_size, self.start = order, vocab_size, start
        self.raw: Counter[Gram] = Counter()
        for number, document in enumerate(documents):
            text = [start, *document] + ([start] if number < len(documents) - 1 else [])
            for end in range(1, len(text)):
                for length in range(1, order + 1):
                    if end + 1 - length >= 0:
                        self.raw[tuple(text[end + 1 - length : end + 1])] += 1
        befores: defaultdict[Gram, set[int]] = defaultdict(set)
        for gram in self.raw:
            if len(gram) > 1:
                befores[gram[1:]].add(gram[0])
        self.counts: dict[Gram, int] = {}
        for gram, count in self.raw.items():
            opens_a_document = len(gram) > 1 and gram[0] == start
            keeps = not self.adjusted or len(gram) == order or opens_a_document
            self.counts[gram] = count if keeps else len(befores[gram])
        self.followers: defaultdict[Gram, dict[int, int]] = defaultdict(dict)
        self.counts_of_counts: defaultdict[int, Counter[int]] = defaultdict(Counter)
        """By length of the n-gram."""
        for gram, count in self.counts.items():
            self.followers[gram[:-1]][gram[-1]] = count
            self.counts_of_counts[len(gram)][count] += 1

    def probability(self, token: int, context: Gram) -> float:
        """p(token | context); the context may be of any length and is cut to what counts."""
        if self.start in context:
            last = len(context) - 1 - context[::-1].index(self.start)
            context = context[last:]
        return self.after(token, context[max(0, len(context) - self.order + 1) :])

    def lower(self, token: int, context: Gram) -> float:
        return self.after(token, context[1:]) if context else 1 / self.vocab_size

    @abstractmethod
    def after(self, token: int, context: Gram) -> float:
        """p(token | context) for a context of at most order - 1 tokens."""


class PlainDiscounting(PlainNGram):
    """Interpolated, something taken off every count."""

    def discount(self, length: int, count: int) -> float:
        raise NotImplementedError

    def after(self, token: int, context: Gram) -> float:
        lower = self.lower(token, context)
        followers = self.followers.get(context)
        if not followers:
            return lower
        total = sum(followers.values())
        own = followers.get(token, 0)
        length = len(context) + 1
        weight = sum(self.discount(length, count) for count in followers.values()) / total
        return (own - self.discount(length, own) if own else 0.0) / total + weight * lower


class PlainKneserNey(PlainDiscounting):
    adjusted = True

    def discounts(self, length: int) -> tuple[float, float, float]:
        n = self.counts_of_counts[length]
        if not (n[1] and n[2] and n[3]):
            return (0.5, 1.0, 1.5)
        y = n[1] / (n[1] + 2 * n[2])
        d = [j - (j + 1) * y * n[j + 1] / n[j] for j in (1, 2, 3)]
        return (d[0], d[1], d[2]) if all(0 < d[j - 1] <= j for j in (1, 2, 3)) else (0.5, 1.0, 1.5)

    def discount(self, length: int, count: int) -> float:
        return self.discounts(length)[min(count, 3) - 1]


class PlainAbsolute(PlainDiscounting):
    def discount(self, length: int, count: int) -> float:
        n = self.counts_of_counts[length]
        return n[1] / (n[1] + 2 * n[2]) if n[1] and n[2] else 0.5


class PlainWittenBell(PlainNGram):
    def after(self, token: int, context: Gram) -> float:
        followers = self.followers.get(context)
        if not followers:
            return self.lower(token, context)
        different = len(followers)
        return (followers.get(token, 0) + different * self.lower(token, context)) / (
            sum(followers.values()) + different
        )


class PlainJelinekMercer(PlainNGram):
    weights: Sequence[Sequence[float]]
    """[context length][power of two of the context's count]; set from outside."""

    def after(self, token: int, context: Gram) -> float:
        followers = self.followers.get(context)
        if not followers:
            return self.lower(token, context)
        total = sum(followers.values())
        weight = self.weights[len(context)][total.bit_length() - 1]
        return weight * followers.get(token, 0) / total + (1 - weight) * self.lower(token, context)


class PlainKatz(PlainNGram):
    def ratio(self, length: int, count: int) -> float:
        """What remains of a count. Fewer counts are discounted where five can't be."""
        n = self.counts_of_counts[length]
        for limit in (5, 4, 3, 2, 1):
            if any(n[r] == 0 for r in range(1, limit + 1)):
                continue
            share = (limit + 1) * n[limit + 1] / n[1]
            if share >= 1:
                continue
            ratios = [((r + 1) * n[r + 1] / n[r] / r - share) / (1 - share) for r in range(1, limit + 1)]
            if all(0 < ratio < 1 for ratio in ratios):
                return ratios[count - 1] if count <= limit else 1.0
        return 1.0

    def after(self, token: int, context: Gram) -> float:
        followers = self.followers.get(context)
        if not followers:
            return self.lower(token, context)
        total = sum(followers.values())
        length = len(context) + 1
        given = {w: self.ratio(length, count) * count / total for w, count in followers.items()}
        if len(given) == self.vocab_size:
            return given[token] / sum(given.values())
        if sum(given.values()) > 1 - 1e-12:
            given = {w: count / (total + 1) for w, count in followers.items()}
        if token in given:
            return given[token]
        unseen = sum(self.lower(w, context) for w in range(self.vocab_size) if w not in given)
        return (1 - sum(given.values())) * self.lower(token, context) / unseen


class PlainAddK(PlainNGram):
    k: float

    def after(self, token: int, context: Gram) -> float:
        is_longest = len(context) == self.order - 1 or context[:1] == (self.start,)
        followers = self.followers.get(context, {}) if is_longest else {}
        return (followers.get(token, 0) + self.k) / (sum(followers.values()) + self.k * self.vocab_size)


class PlainStupidBackoff(PlainNGram):
    factor: float

    def after(self, token: int, context: Gram) -> float:
        followers = self.followers.get(context, {})
        if token in followers:
            return followers[token] / sum(followers.values())
        if not context:
            return 0.0
        return (self.factor if followers else 1.0) * self.after(token, context[1:])


class PlainMaximumLikelihood(PlainNGram):
    def after(self, token: int, context: Gram) -> float:
        followers = self.followers.get(context, {})
        if not followers and context:
            return self.after(token, context[1:])
        return followers.get(token, 0) / sum(followers.values())
