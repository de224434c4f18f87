"""Where turns end, and how well a model knows it, without generating: forecasts of what real transcripts did.

A turn could end after each of its words. At each such place a model gives a probability that it does, and the
transcript tells whether it did. scikit-learn has the measures.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np

from harness.common.seeds import seed_of

Forecast = tuple[float, bool]
"""The probability of something, and whether it came."""


def places(body: str, most: int, name: str) -> list[int]:
    """Where in what is said a turn could end: after each word, before the white space; and its real end, in order.

    Of more than `most` places (1 or more) the real end is kept, and others are drawn; name: what they are drawn by.
    """
    inside = [found.start() for found in re.finditer(r"(?<=\S)\s+(?=\S)", body)]
    drawn = sorted(inside, key=lambda place: seed_of(name, place))[: most - 1]
    return [*sorted(drawn), len(body)]


def auc(forecasts: Sequence[Forecast]) -> float | None:
    """The area under the receiver operating characteristic: how often what came had the higher probability than what
    didn't, ties as half. None where all came, or nothing."""
    from sklearn.metrics import roc_auc_score  # takes two seconds: only where it is needed

    return _of_both(roc_auc_score, forecasts)


def average_precision(forecasts: Sequence[Forecast]) -> float | None:
    """The mean precision over what came, by falling probability; its chance is the share of what came. None where all
    came, or nothing."""
    from sklearn.metrics import average_precision_score

    return _of_both(average_precision_score, forecasts)


def _of_both(score: Callable[..., float], forecasts: Sequence[Forecast]) -> float | None:
    came = np.array([came for _, came in forecasts], dtype=bool)
    if came.all() or not came.any():
        return None
    return float(score(came, np.array([probability for probability, _ in forecasts])))
