"""Options of `bakeoff tune`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.common.options import check_least, check_option


@dataclass(frozen=True)
class TuneSettings:
    """How much every family is tried, and how its trials are picked."""

    trials: int = 20
    """Trials of each family; a family without anything to search gets one."""
    searcher: Literal["random", "grid", "tpe"] = "random"
    """random (Bergstra & Bengio 2012), grid, or tpe (Bergstra et al. 2011, by Optuna)."""
    grid_points: int = 3
    """searcher=grid: values of an interval, evenly spaced with both ends; 2 or more."""
    budget_fraction: float = 1.0
    """Share of the run's tokens, seconds and FLOPs that a trial may spend; above 0, up to 1."""
    confirm_seeds: int = 0
    """Seeds with which the best settings of each family are fitted again, to choose by their mean; 0: none."""
    confirm_best: int = 3
    """How many of the best settings are fitted again; 1 or more."""

    def __post_init__(self) -> None:
        check_least(self, trials=1, grid_points=2, confirm_seeds=0, confirm_best=1)
        check_option(self, "budget_fraction", 0 < self.budget_fraction <= 1, "above 0, up to 1")
