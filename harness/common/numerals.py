"""Numbers as a person reads them, alike in every table, line and plot."""

from __future__ import annotations

import math

_PREFIXES = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def quantity(value: float | None, unit: str = "") -> str:
    """A count or an amount in three digits: 801024 -> '801k', 0.0521 -> '0.0521'; with the unit 'B' '801 kB'."""
    if value is None or math.isnan(value):
        return "–"
    space = " " if unit else ""
    for size, prefix in _PREFIXES:
        if abs(value) >= size * 0.9995:
            return f"{_three_digits(value / size)}{space}{prefix}{unit}"
    return f"{_three_digits(value)}{space}{unit}"


def _three_digits(value: float) -> str:
    text = f"{value:.3g}"
    return f"{float(text):g}" if "e" not in text or abs(value) >= 1 else text


def probability(value: float) -> str:
    """A probability in four decimals: '0.0312'; a small one as '3e-07'."""
    return f"{value:.4f}" if value >= 1e-4 else f"{value:.0e}" if value else "0"


def number(value: float | None, unit: str) -> str:
    """A measured value: shares in percent, bits in three decimals, others in four digits."""
    if value is None:
        return "–"
    if unit == "share":
        text = f"{100 * value:.1f}"
    elif unit.startswith("bits"):
        text = f"{value:.3f}"
    else:
        text = f"{value:,.4g}" if abs(value) < 1e4 else quantity(value)
    return text.removeprefix("-") if not text.strip("-0.") else text  # no '-0.0'


def interval(low: float | None, high: float | None, unit: str) -> str:
    """'[2.051, 2.155]'; '' where there is none."""
    return "" if low is None or high is None else f"[{number(low, unit)}, {number(high, unit)}]"


def sign(unit: str) -> str:
    """What follows a number whose unit isn't named: ' %' of a share."""
    return " %" if unit == "share" else ""


def with_unit(value: float, unit: str) -> str:
    """'2.103 bits/byte', '48.1 %'."""
    return f"{number(value, unit)}{sign(unit) or f' {unit}'}".rstrip()
