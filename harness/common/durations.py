"""Durations as text for people."""

from __future__ import annotations

_UNITS = ((2 * 86400, 86400, "days"), (2 * 3600, 3600, "h"), (2 * 60, 60, "min"))


def time_left(seconds: float) -> str:
    """As ', about 3 min left'; '' under a second."""
    return f", about {duration(seconds)} left" if seconds >= 1 else ""


def duration(seconds: float) -> str:
    """As '45 s', '12 min', '5 h' or '3 days'."""
    for least, unit, name in _UNITS:
        if seconds >= least:
            return f"{seconds / unit:.0f} {name}"
    return f"{max(0.0, seconds):.0f} s"
