"""Counts with their nouns."""

from __future__ import annotations


def many(count: int, noun: str, plural: str = "") -> str:
    """'1 run', '2 runs', '1,200 runs'. plural: where it is not the noun with an s."""
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"
