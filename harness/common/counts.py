"""Numbers of things, as people write them."""

from __future__ import annotations


def count(number: int, noun: str) -> str:
    """'1 document', '3 documents', '12,164 characters'. noun: in the singular, with a regular plural."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
