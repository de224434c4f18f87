"""Documents that quote one another, and the parts of a history that occur in them, by brute force."""

from __future__ import annotations

from models.ngrams.suffix_array import MAX_CHAIN
from tests.models.ngrams.texts import random_documents, stream_of

START, VOCAB = 4, 6


# Documents that quote one another, so that long contexts come up again with one sequel or several.
QUOTES = random_documents(1, 4, 40, 4)


DOCUMENTS = [
    [*QUOTES[i % 4][: 10 + 3 * i], *noise, *QUOTES[(i + 1) % 4]]
    for i, noise in enumerate(random_documents(2, 12, 10, 4))
]


STREAM = stream_of(DOCUMENTS, START)


TEXT = [1, *QUOTES[0][2:30], 3, START, *QUOTES[2][:20], 5, *QUOTES[1]]


def plain_chain(history: list[int]) -> list[tuple[int, list[int]]]:
    """(length, what followed each occurrence), of the ends of a history that occur, by brute force."""
    if START in history:
        history = history[len(history) - 1 - history[::-1].index(START) :]
    chain: list[tuple[int, list[int]]] = []
    indices = list(range(len(STREAM) + 1))
    for length in range(1, len(history) + 1):
        end = history[len(history) - length :]
        left = [index for index in indices if index >= length and STREAM[index - length : index] == end]
        if not left:
            break
        if chain and left == indices:
            chain.pop()
        indices = left
        chain.append((length, [STREAM[index] for index in indices if index < len(STREAM)]))
    return chain[: MAX_CHAIN - 1]
