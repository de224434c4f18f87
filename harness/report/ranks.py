"""One ranking over all evals, each counting as much as any other (harness/statistics/ranking.py).

It sums up what the pairs say measure by measure, and takes their place nowhere. Models play where they can speak of
their families: three seeds or more, or a fit that no seed changes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from harness.report.comparison import Comparison, LinedUp, MeasureKey
from harness.statistics.arrays import Floats, cluster_codes
from harness.statistics.estimate import FEWEST_CLUSTERS
from harness.statistics.paired_difference import FEWEST_SEEDS
from harness.statistics.ranking import Games, ranking
from harness.statistics.spread import strata_of_clusters

COLUMNS = [
    "model",
    "rank",
    "rank_ci_low",
    "rank_ci_high",
    "strength",
    "strength_ci_low",
    "strength_ci_high",
    "win_rate",
    "num_seeds",
    "num_evals",
    "measures",
]
MOST_PLAYERS = 40
"""A ranking of more systems, as of a sweep, would say little and take long."""


def rank_systems(comparison: Comparison) -> pd.DataFrame:
    """One row a system, the best first; empty where fewer than two can be ranked.

    strength: the log-odds of winning against an average system. win_rate: the share of games won. An eval in which not
    everybody was asked the same (asked.py), or some seed has no value, is left out.
    """
    players = [
        system
        for system in comparison.systems
        if comparison.num_seeds(system) >= (FEWEST_SEEDS if comparison.depends_on_seed(system) else 1)
    ]
    played = {
        measure: games
        for measure in comparison.judged_headlines
        if len(players) > 1 and (games := _games(comparison, measure, players)) is not None
    }
    if not played or len(players) > MOST_PLAYERS:
        return pd.DataFrame(columns=COLUMNS)
    result = ranking(list(played.values()))
    table = pd.DataFrame(
        {
            "model": players,
            "rank": result.ranks,
            "rank_ci_low": result.rank_low,
            "rank_ci_high": result.rank_high,
            "strength": result.strengths,
            "strength_ci_low": result.low,
            "strength_ci_high": result.high,
            "win_rate": result.win_rates,
            "num_seeds": [comparison.num_seeds(system) for system in players],
            "num_evals": len(played),
            "measures": ", ".join(measure.name for measure in played),
        }
    )
    return table.sort_values(["rank", "model"], ignore_index=True)[COLUMNS]


def _games(comparison: Comparison, measure: MeasureKey, players: Sequence[str]) -> Games | None:
    """The values of every player on the clusters on which all have one; None where too few are left."""
    decoding = comparison.best_decoding(measure)
    lined_up = [comparison.judged(system, decoding, measure) for system in players]
    known = [side for side in lined_up if side is not None]
    if len(known) < len(players) or comparison.not_alike(measure, decoding):
        return None
    first = known[0]
    num_seeds = [len(comparison.records(system, decoding, measure)) for system in players]
    if any(side.ids != first.ids for side in known) or num_seeds != [comparison.num_seeds(one) for one in players]:
        return None
    codes = cluster_codes(first.clusters, len(first.ids))
    sign = 1.0 if measure.higher_is_better else -1.0
    values = [sign * _of_clusters(side, codes) for side in known]
    shared = ~np.isnan(np.concatenate(values)).any(axis=0)
    if shared.sum() < FEWEST_CLUSTERS:
        return None
    strata = strata_of_clusters(codes, first.strata)[shared]
    return Games([own[:, shared] for own in values], np.unique(strata, return_inverse=True)[1])


def _of_clusters(side: LinedUp, codes: np.ndarray) -> Floats:
    """(S, K) the measure of each cluster, NaN where it has none; one row where all seeds give the same fit."""
    rows = []
    for tops, bottoms in zip(side.tops, side.bottoms, strict=True):
        missing = np.isnan(tops) | np.isnan(bottoms)
        top, bottom = (np.bincount(codes, weights=np.where(missing, 0.0, part)) for part in (tops, bottoms))
        with np.errstate(divide="ignore", invalid="ignore"):
            rows.append(np.where(bottom != 0, top / bottom, np.nan))
    return np.stack(rows if side.seeds_vary else rows[:1])
