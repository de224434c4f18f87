"""What the runs of an experiment could tell apart, by the spreads that they have: for `bakeoff power`."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from harness.common.errors import UserError, closest
from harness.report.asked import differing
from harness.report.comparison import Comparison, MeasureKey
from harness.report.results import Results
from harness.statistics.power import PairDesign, design_of


@dataclass(frozen=True)
class TypicalPair:
    """The design of a comparison with the spreads that are usual among the pairs of an experiment."""

    measure: MeasureKey
    design: PairDesign
    num_pairs: int
    """Whose medians they are."""


def typical_pair(results: Results, measure: str | None, models: Sequence[str] | None) -> TypicalPair:
    """The medians over all pairs of models, or of these two alone. measure: a metric, or eval.metric; None: the first
    headline. UserError: no such measure or model, no pair whose spreads can be estimated."""
    comparison = Comparison(results)
    key = _measure(comparison, measure)
    for model in models or ():
        if model not in comparison.systems:
            near = closest(model, comparison.systems)
            raise UserError(f"{model!r} is no model here.{near} There are: {', '.join(comparison.systems)}.")
    pairs = [tuple(models)] if models else itertools.combinations(comparison.systems, 2)
    designs = [design for a, b in pairs if (design := _design(comparison, key, a, b)) is not None]
    if not designs:
        raise UserError(
            f"no two models here can be compared by {key.name} with a spread over seeds: that takes the same test "
            "samples in five groups or more, and two seeds or more of each model that depends on the seed. Add "
            "seed=0,1,2 to the command that made the runs, or state the numbers: bakeoff power --clusters 60 "
            "--sd-clusters 0.08 --sd-seeds 0.02"
        )
    most = max(design.num_varying for design in designs)
    designs = [design for design in designs if design.num_varying == most]
    return TypicalPair(
        key,
        PairDesign(
            round(median(design.num_clusters for design in designs)),
            round(median(design.num_seeds for design in designs)),
            median(design.sd_clusters for design in designs),
            median(design.sd_seeds for design in designs),
            median(design.sd_within for design in designs),
            most,
            df_share=median(design.df_share for design in designs),
        ),
        len(designs),
    )


def _measure(comparison: Comparison, name: str | None) -> MeasureKey:
    judged = [measure for measure in comparison.measures if measure.is_judged]
    if name is None and comparison.judged_headlines:
        return comparison.ladder or comparison.judged_headlines[0]
    for measure in judged:
        if name in (measure.metric, measure.name):
            return measure
    near = closest(name, [measure.metric for measure in judged]) if name else ""
    allowed = ", ".join(dict.fromkeys(measure.metric for measure in judged)) or "none, since none is better or worse"
    raise UserError(f"{name!r} is no measure by which models can be compared here.{near} There are: {allowed}.")


def _design(comparison: Comparison, measure: MeasureKey, a: str, b: str) -> PairDesign | None:
    decoding = comparison.best_decoding(measure)
    asked = [comparison.asked(system, decoding, measure) for system in (a, b)]
    first, second = (comparison.judged(system, decoding, measure) for system in (a, b))
    if first is None or second is None or differing([one for one in asked if one is not None]):
        return None
    weights = [side.denominators for side in (first, second)]
    if first.ids != second.ids or weights[0] is None or weights[1] is None or (weights[0] != weights[1]).any():
        return None
    return design_of(
        list(first.tops),
        list(second.tops),
        first.clusters,
        None if first.is_mean else weights[0],
        first.formula.scale,
        first.strata,
        (first.seeds_vary, second.seeds_vary),
    )
