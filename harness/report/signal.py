"""How well each measure tells models apart: the difference of two models beside what chance makes of one (Heineman et
al. 2025, 'Signal and Noise').

Signal: the median difference between two models. Noise: the standard deviation of the difference between one fit of
each, by other seeds and other test samples. A measure whose signal is no larger than its noise orders models by luck.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from harness.report.comparison import Comparison, LinedUp, MeasureKey
from harness.report.wording import joined
from harness.statistics.arrays import cluster_codes
from harness.statistics.estimate import FEWEST_CLUSTERS
from harness.statistics.spread import Spread, spread, strata_of_clusters

COLUMNS = [
    "eval",
    "metric",
    "decoding",
    "is_headline",
    "unit",
    "num_models",
    "median_difference",
    "noise_seeds",
    "noise_samples",
    "signal_to_noise",
    "reason",
]


def signal_to_noise(comparison: Comparison) -> pd.DataFrame:
    """One row a measure that is better or worse, under its best decoding strategy. The two noises are standard
    deviations, whose squares add up; a reason where they can't be known."""
    headlines = set(comparison.judged_headlines)
    judged = [measure for measure in comparison.measures if measure.is_judged]
    rows = [
        {
            "eval": measure.eval,
            "metric": measure.metric,
            "decoding": comparison.best_decoding(measure),
            "is_headline": measure in headlines,
            "unit": measure.unit,
        }
        | _row(comparison, measure)
        for measure in judged
    ]
    numbers = ["median_difference", "noise_seeds", "noise_samples", "signal_to_noise"]
    return pd.DataFrame(rows, columns=COLUMNS).astype(dict.fromkeys(numbers, "float64"))


def _row(comparison: Comparison, measure: MeasureKey) -> dict[str, Any]:
    decoding = comparison.best_decoding(measure)
    systems = list(comparison.goodness(measure, decoding))
    row: dict[str, Any] = {"num_models": len(systems)}
    if len(systems) < 2:
        return row | {"reason": "one model has a value"}
    if apart := comparison.not_alike(measure, decoding):
        return row | {"reason": f"they differ in {joined(apart)}"}
    lined_up = [comparison.judged(system, decoding, measure) for system in systems]
    sides = [side for side in lined_up if side is not None]
    if len(sides) < len(systems):
        return row | {"reason": "it is no sum over samples"}
    spreads = _spreads(sides)
    if isinstance(spreads, str):
        return row | {"reason": spreads}
    values = np.array([one.value for one in spreads])
    first, second = np.triu_indices(len(values), k=1)
    row["median_difference"] = float(np.median(np.abs(values[first] - values[second])))
    if any(side.seeds_vary and len(side.tops) == 1 for side in sides):
        return row | {"reason": "one seed: what another one changes is not known"}
    effects = np.stack([one.of_clusters for one in spreads])
    within = np.array([one.interaction() if len(one.per_seed) > 1 else 0.0 for one in spreads])
    num_seeds = np.array([len(one.per_seed) for one in spreads])
    apart_squared = ((effects[first] - effects[second]) ** 2).sum(axis=1) - within[first] - within[second]
    of_samples = float(np.maximum(apart_squared, 0.0).mean())
    of_fits = num_seeds * (np.array([one.over_seeds().total for one in spreads]) + within)
    of_seeds = float((of_fits[first] + of_fits[second]).mean())
    noise = math.sqrt(of_seeds + of_samples)
    return row | {
        "noise_seeds": math.sqrt(of_seeds),
        "noise_samples": math.sqrt(of_samples),
        "signal_to_noise": row["median_difference"] / noise if noise else None,
        "reason": None if noise else "nothing varies",
    }


def _spreads(sides: list[LinedUp]) -> list[Spread] | str:
    """Of each model over the samples that all of them have; or why there are none."""
    if any(side.ids != sides[0].ids for side in sides):
        return "not the same samples"
    used = ~np.isnan(np.concatenate([part for side in sides for part in (side.tops, side.bottoms)])).any(axis=0)
    codes = cluster_codes(cluster_codes(sides[0].clusters, len(used))[used], int(used.sum()))
    if codes.max(initial=-1) + 1 < FEWEST_CLUSTERS:
        return f"fewer than {FEWEST_CLUSTERS} clusters"
    if not all(side.bottoms[:, used].sum(axis=1).all() for side in sides):
        return "the denominators add up to 0"
    strata = strata_of_clusters(codes, [sides[0].strata[place] for place in np.flatnonzero(used).tolist()])
    return [spread(side.tops[:, used], side.bottoms[:, used], codes, strata, side.formula.scale) for side in sides]
