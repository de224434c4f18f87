"""Everything that the report tests, put together."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from harness.report.comparison import Comparison
from harness.report.crossings import find_crossings
from harness.report.pairs import compare_pairs, compare_strategies
from harness.report.ranks import rank_systems
from harness.report.signal import signal_to_noise
from harness.report.trivial import compare_with_trivial


@dataclass(frozen=True)
class Verdicts:
    """The tests of a comparison, each table a family or several of corrected p-values."""

    models: pd.DataFrame
    """Every two models under the same decoding strategy (pairwise.csv)."""
    strategies: pd.DataFrame
    """Every two decoding strategies of the same model (strategies.csv)."""
    trivial: pd.DataFrame
    """Every model beside the best trivial answer (trivial.csv)."""

    ranks: pd.DataFrame
    """One ranking of the models over all evals (ranks.csv)."""
    crossings: pd.DataFrame
    """Where models cross along a budget or their learning curves (crossings.csv)."""
    measures: pd.DataFrame
    """How well each measure tells models apart (measures.csv)."""

    @classmethod
    def of(cls, comparison: Comparison) -> Verdicts:
        return cls(
            compare_pairs(comparison),
            compare_strategies(comparison),
            compare_with_trivial(comparison),
            rank_systems(comparison),
            find_crossings(comparison),
            signal_to_noise(comparison),
        )
