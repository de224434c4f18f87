"""The learning rate along the budget."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """The learning rate along the budget: it rises linearly, then falls linearly."""

    peak: float
    warmup_fraction: float
    final_fraction: float
    """The learning rate at the end, as a share of the peak."""

    def learning_rate(self, fraction: float) -> float:
        """fraction: how much of the budget is spent."""
        warmup = self.warmup_fraction
        # never quite zero, so that the very first step moves too
        rising = (fraction + 1e-3) / (warmup + 1e-3)
        falling = 1 - (1 - self.final_fraction) * (fraction - warmup) / (1 - warmup)
        return self.peak * min(rising, falling)
