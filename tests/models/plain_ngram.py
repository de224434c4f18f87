"""Interpolated modified Kneser-Ney as plainly as it can be written: the tests' oracle, from the papers' formulas.

Slow on purpose: dictionaries of tuples, one token at a time, no shared code with models/.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence


class PlainKneserNey:
    """Documents are lists of tokens without the start token; each opens with it, and all but the last end with it."""

    def __init__(self, documents: Sequence[Sequence[int]], order: int, vocab_size: int, start: int) -> None:
        self.order, self.vocab_size, self.start = order, vocab_size, start
        raw: Counter[tuple[int, ...]] = Counter()
        for number, document in enumerate(documents):
            text = [start, *document] + ([start] if number < len(documents) - 1 else [])
            for end in range(1, len(text)):
                for length in range(1, order + 1):
                    if end + 1 - length >= 0:
                        raw[tuple(text[end + 1 - length : end + 1])] += 1
        befores: defaultdict[tuple[int, ...], set[int]] = defaultdict(set)
        for gram in raw:
            if len(gram) > 1:
                befores[gram[1:]].add(gram[0])
        self.counts: dict[tuple[int, ...], int] = {}
        for gram, count in raw.items():
            opens_a_document = len(gram) > 1 and gram[0] == start
            self.counts[gram] = count if len(gram) == order or opens_a_document else len(befores[gram])
        self.discounts = [self._discounts(length) for length in range(1, order + 1)]
        self.followers: defaultdict[tuple[int, ...], dict[int, int]] = defaultdict(dict)
        for gram, count in self.counts.items():
            self.followers[gram[:-1]][gram[-1]] = count

    def _discounts(self, length: int) -> tuple[float, float, float]:
        n = Counter(count for gram, count in self.counts.items() if len(gram) == length)
        if not (n[1] and n[2] and n[3]):
            return (0.5, 1.0, 1.5)
        y = n[1] / (n[1] + 2 * n[2])
        d = [j - (j + 1) * y * n[j + 1] / n[j] for j in (1, 2, 3)]
        return (d[0], d[1], d[2]) if all(0 < d[j - 1] <= j for j in (1, 2, 3)) else (0.5, 1.0, 1.5)

    def probability(self, token: int, context: tuple[int, ...]) -> float:
        """p(token | context); the context may be of any length and is cut to what counts."""
        if self.start in context:
            last = len(context) - 1 - context[::-1].index(self.start)
            context = context[last:]
        context = context[max(0, len(context) - self.order + 1) :]
        return self._interpolated(token, context)

    def _interpolated(self, token: int, context: tuple[int, ...]) -> float:
        lower = self._interpolated(token, context[1:]) if context else 1 / self.vocab_size
        followers = self.followers.get(context)
        if not followers:
            return lower
        total = sum(followers.values())
        discounts = self.discounts[len(context)]

        def discount(count: int) -> float:
            return discounts[min(count, 3) - 1] if count else 0.0

        own = followers.get(token, 0)
        weight = sum(discount(count) for count in followers.values()) / total
        return (own - discount(own)) / total + weight * lower
