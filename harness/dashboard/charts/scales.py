"""Axes: from values to places on a chart, with ticks as people write numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.common.numerals import quantity

_MOST_TICKS = 7


def tick_text(unit: str) -> Callable[[float], str]:
    """How a measure's ticks are written: '2.5'; shares in percent."""
    scale = 100 if unit == "share" else 1
    return lambda value: f"{scale * value:g}"


@dataclass(frozen=True)
class Axis:
    """A linear or logarithmic axis."""

    low: float
    high: float
    start: float
    """The place of `low` in pixels."""
    end: float
    is_log: bool = False
    in_words: Callable[[float], str] = quantity
    """A tick's value as text."""
    is_root: bool = False
    """Whether places are as the values' square roots, from 0: what is rare is drawn wider apart."""

    @classmethod
    def around(
        cls,
        values: Sequence[float],
        start: float,
        end: float,
        is_log: bool = False,
        in_words: Callable[[float], str] = quantity,
        margin: float = 0.04,
    ) -> Axis:
        """An axis that shows all of these values, and a margin. A logarithmic one takes positive values only."""
        known = [value for value in values if math.isfinite(value) and (value > 0 or not is_log)]
        low, high = (min(known), max(known)) if known else (1.0, 2.0)
        if is_log:
            room = margin * (math.log(high) - math.log(low)) if high > low else 0.1
            return cls(low * math.exp(-room), high * math.exp(room), start, end, True, in_words)
        widen = margin * (high - low) if high > low else 0.1 * abs(high) or 1.0
        return cls(low - widen, high + widen, start, end, False, in_words)

    def at(self, value: float) -> float:
        """The place of a value; what is not on a logarithmic axis lies at its start."""
        if self.is_root:
            share = math.sqrt(max(value, 0.0) / self.high)
        elif self.is_log:
            low, high = math.log(self.low), math.log(self.high)
            share = (math.log(max(value, self.low)) - low) / (high - low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def shows(self, value: float) -> bool:
        """Whether a value lies on the axis."""
        return math.isfinite(value) and self.low <= value <= self.high

    def ticks(self, most: int = _MOST_TICKS) -> list[tuple[float, str]]:
        """(place, text) of round values."""
        values = self._log_ticks(most) if self.is_log else self._linear_ticks(most)
        if self.is_root:
            values = [share * self.high for share in (0, 0.01, 0.05, 0.15, 0.35, 0.65)]
            values = [float(f"{value:.1g}") for value in values]
        return [(self.at(value), self.in_words(value)) for value in values]

    def _linear_ticks(self, most: int) -> list[float]:
        rough = (self.high - self.low) / most
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(size * power for size in (1, 2, 2.5, 5, 10) if size * power >= rough * (1 - 1e-9))
        first = math.ceil(self.low / step - 1e-9)
        count = math.floor(self.high / step + 1e-9) - first + 1
        return [round((first + number) * step, 12) for number in range(count)]

    def _log_ticks(self, most: int) -> list[float]:
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        for steps in ((1, 1.5, 2, 2.5, 3, 4, 5, 6, 8), (1, 2, 3, 4, 6), (1, 2, 5), (1, 3), (1,)):
            values = [step * 10.0**decade for decade in decades for step in steps]
            inside = [value for value in values if self.low <= value <= self.high]
            if len(inside) <= most:
                break
        if len(inside) > most:
            inside = inside[:: math.ceil(len(inside) / most)]
        return inside if len(inside) > 1 else self._linear_ticks(4)
