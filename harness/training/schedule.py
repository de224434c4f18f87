"""The learning rate along the budget."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Shape = Literal["linear", "cosine", "constant", "warmup_stable_decay"]


@dataclass(frozen=True)
class Schedule:
    """The learning rate along the budget: it rises in a straight line to its peak, then follows `shape` to its end."""

    peak: float
    warmup_fraction: float
    final_fraction: float
    """The learning rate at the end, as a share of the peak; `constant` stays at the peak."""
    shape: Shape = "linear"
    decay_fraction: float = 0.2
    """`warmup_stable_decay`: the share of the budget at the end over which the rate falls."""

    def learning_rate(self, fraction: float) -> float:
        """fraction: how much of the budget is spent."""
        # never quite zero, so that the very first step moves too
        rising = (fraction + 1e-3) / (self.warmup_fraction + 1e-3)
        return self.peak * min(rising, 1 - (1 - self.final_fraction) * self._fallen(fraction))

    def _fallen(self, fraction: float) -> float:
        """How far the rate has fallen on its way from the peak to the end, 0 to 1; below 0 before the peak."""
        since_peak = (fraction - self.warmup_fraction) / (1 - self.warmup_fraction)
        match self.shape:
            case "linear":
                return since_peak
            case "cosine":
                return (1 - math.cos(math.pi * min(1.0, max(0.0, since_peak)))) / 2
            case "warmup_stable_decay":
                return max(0.0, 1 - (1 - fraction) / self.decay_fraction)
            case "constant":
                return 0.0
