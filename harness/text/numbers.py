"""Finds answers in text that a model wrote."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Sequence
from decimal import Decimal

# Digits, in groups of three where there are commas, and a fraction; never a part of a longer number.
_DIGITS = r"(?<![\d.,])(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?!\d|[.,]\d)"
_MINUS_SIGNS = "-−–‐‑－"
# A sign right after a word is a hyphen. A sign with a space before its number is a minus only at the beginning or after
# "="; elsewhere it is a dash or a list's bullet.
_MINUS = rf"(?:(?<!\w)[{_MINUS_SIGNS}]|(?:\A|=)[^\S\n]*[{_MINUS_SIGNS}][^\S\n]|\b(?:minus|negative)[^\S\n]+)"
_POWERS = {"hundred": 2, "thousand": 3, "k": 3, "million": 6, "billion": 9, "trillion": 12, "%": -2, "percent": -2}
_LONGEST_EXPONENT = 2
_NUMBER = re.compile(
    rf"(?P<minus>{_MINUS})?(?P<digits>{_DIGITS})"
    r"(?:e(?P<exponent>[+-]?\d+)|(?P<glued>k)\b|[^\S\n]?(?P<power>hundred\b|thousand\b|million\b|billion\b|trillion\b"
    r"|percent\b|%))?",
    re.IGNORECASE,
)
_OPERATOR = rf"(?:[^\S\n]*[{_MINUS_SIGNS}+*×·/÷x][^\S\n]*|:|[^\S\n]+(?:plus|minus|times|over|divided by)[^\S\n]+)"
_PROBLEM = re.compile(rf"(?P<minus>{_MINUS})?{_DIGITS}(?:{_OPERATOR}[{_MINUS_SIGNS}]?{_DIGITS})+", re.IGNORECASE)


def first_number(text: str) -> Decimal | None:
    """The number that a text gives as its answer: the first one outside a problem; None where there is none.

    A problem is numbers with operators between them. '12+7=19' and '12 plus 7 is 19' answer 19; '12-5' and the fraction
    '19/20' answer nothing. 1,000 is 1000, 3.14 is one number, 1.2.3 is no number. '19 million', '19k', '19e3' and '19%'
    are read as their values; other units are ignored: '19 cm' is 19. A minus is a hyphen, a minus sign, an en dash,
    'minus' or 'negative'. With a space before the number, a sign counts only at the beginning or after '='.
    """
    match = _NUMBER.search(without_problems(text))
    if match is None:
        return None
    exponent, scale = match["exponent"], match["glued"] or match["power"]
    if exponent and len(exponent.lstrip("+-")) > _LONGEST_EXPONENT:
        return None
    power = int(exponent) if exponent else _POWERS[scale.lower()] if scale else 0
    sign = "-" if match["minus"] else ""
    return Decimal(f"{sign}{match['digits'].replace(',', '')}e{power}")


def without_problems(text: str) -> str:
    """A text without the problems in it: numbers with operators between them, as 12+7, 12 minus 7, 19/20, 12–15."""
    return _PROBLEM.sub("", text)


def majority(answers: Sequence[Hashable | None]) -> int | None:
    """The index of the most frequent answer (Wang et al. 2022, self-consistency); of equally frequent ones, the first.
    None where there is no answer."""
    votes = Counter(answer for answer in answers if answer is not None)
    return answers.index(votes.most_common(1)[0][0]) if votes else None
