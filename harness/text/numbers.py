"""Finds answers in text that a model wrote."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Sequence
from decimal import Decimal

# Digits, in groups of three where there are commas, and a fraction; never a part of a longer number.
_NUMBER = re.compile(r"(?<![\d.,])(?:(?<!\w)[-−])?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?![\d]|[.,]\d)")


def first_number(text: str) -> Decimal | None:
    """The first whole number or decimal fraction in a text, None where there is none.

    1,000 is 1000; -5 is not 5, but the 5 of '12-5' is; 3.14 is one number, and 1.2.3 is none.
    """
    match = _NUMBER.search(text)
    return Decimal(match[0].replace(",", "").replace("−", "-")) if match else None


def majority(answers: Sequence[Hashable | None]) -> int | None:
    """The index of the most frequent answer, of equals the first (Wang et al. 2022, self-consistency); None where there
    is no answer."""
    votes = Counter(answer for answer in answers if answer is not None)
    return answers.index(votes.most_common(1)[0][0]) if votes else None
