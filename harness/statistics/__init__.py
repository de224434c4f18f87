"""Numbers with intervals, and differences with p-values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.common.face import face

if TYPE_CHECKING:
    from harness.statistics.derived import from_standard_error as from_standard_error
    from harness.statistics.derived import mapped as mapped
    from harness.statistics.derived import mean_of_seeds as mean_of_seeds
    from harness.statistics.derived import shifted as shifted
    from harness.statistics.derived import without_interval as without_interval
    from harness.statistics.estimate import Estimate as Estimate
    from harness.statistics.intervals import mean as mean
    from harness.statistics.intervals import median as median
    from harness.statistics.intervals import over_seeds as over_seeds
    from harness.statistics.intervals import quantile as quantile
    from harness.statistics.intervals import ratio_of_totals as ratio_of_totals
    from harness.statistics.leave_one_out import jackknife as jackknife
    from harness.statistics.multiple import holm as holm
    from harness.statistics.multiple import over_measures as over_measures
    from harness.statistics.multiple import step_down as step_down
    from harness.statistics.paired_difference import PairedDifference as PairedDifference
    from harness.statistics.paired_difference import paired as paired
    from harness.statistics.paired_difference import paired_all as paired_all

__all__, __getattr__ = face(
    __name__,
    {
        "harness.statistics.derived": ["from_standard_error", "mapped", "mean_of_seeds", "shifted", "without_interval"],
        "harness.statistics.estimate": ["Estimate"],
        "harness.statistics.intervals": ["mean", "median", "over_seeds", "quantile", "ratio_of_totals"],
        "harness.statistics.leave_one_out": ["jackknife"],
        "harness.statistics.multiple": ["holm", "over_measures", "step_down"],
        "harness.statistics.paired_difference": ["PairedDifference", "paired", "paired_all"],
    },
)
