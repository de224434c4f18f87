"""Nested settings under dotted names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as one dict with dotted keys."""
    dotted: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, dict):
            dotted |= flat(value, f"{prefix}{key}.")
        else:
            dotted[prefix + key] = value
    return dotted
