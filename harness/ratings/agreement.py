"""What a bank says of its raters, and of who wrote the replies. Needs no torch.

Shape legend: R resamples, K clusters (conversations), W writers.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.ratings.rating import Choice, Rating
from harness.statistics.arrays import Floats
from harness.statistics.derived import without_interval
from harness.statistics.estimate import CONFIDENCE, Estimate, no_interval
from harness.statistics.intervals import mean
from harness.statistics.ranking import bradley_terry
from harness.statistics.resampling import cluster_counts

_MOST_WRITERS = 20
_HALF_A_WIN = 0.5


@dataclass(frozen=True)
class Agreement:
    """All that is told of a bank."""

    num_skips: int
    num_ties: int
    num_clusters: int
    """Conversations that pairs are about."""
    raters: Mapping[str, int]
    """How many ratings each made, without skips."""
    self_agreement: Estimate
    """The share of repeated questions that got the same answer again."""
    kappas: Mapping[tuple[str, str], tuple[float | None, int]]
    """Of each two raters: Cohen's kappa (1960) over the pairs that both rated, and their number."""
    first_chosen: Estimate
    """The share of ratings, but ties, for the reply that was shown first: 0.5 without a bias."""
    longer_wins: Estimate
    writers: Mapping[str, Estimate]
    """The strength of each in logits, the best first, their mean being 0; empty where there are one or very many."""


def agreement(ratings: Sequence[Rating]) -> Agreement:
    """Of a bank's ratings."""
    told = [rating for rating in ratings if rating.p is not None]
    once = [rating for rating in told if not rating.is_repeat]
    clusters = [rating.pair.cluster for rating in once]
    return Agreement(
        num_skips=len(ratings) - len(told),
        num_ties=sum(rating.choice == "tie" for rating in told),
        num_clusters=len(set(clusters)),
        raters=dict(Counter(rating.rater for rating in told).most_common()),
        self_agreement=_self_agreement(told),
        kappas=_kappas(once),
        first_chosen=mean([rating.chosen_first for rating in told], [rating.pair.cluster for rating in told]),
        longer_wins=longer_wins(once),
        writers=_writers(once),
    )


def agreement_rows(summary: Agreement, runs: Mapping[str, str]) -> list[tuple[str, str, str, str]]:
    """(measure, value, 95 % interval, of how many) as text. runs: by the id of a fit, one of its runs."""
    rows = [(f"ratings by {name}", f"{number:,}", "", "") for name, number in summary.raters.items()]
    rows += [
        ("ties", f"{summary.num_ties:,}", "", ""),
        ("skipped", f"{summary.num_skips:,}", "", ""),
        ("conversations", f"{summary.num_clusters:,}", "", ""),
        _row("same answer when asked again", summary.self_agreement),
        _row("the reply shown first wins", summary.first_chosen),
        _row("the longer reply wins", summary.longer_wins),
    ]
    rows += [
        (f"kappa of {one} and {other}", "-" if kappa is None else f"{kappa:.2f}", "", f"{number:,}")
        for (one, other), (kappa, number) in summary.kappas.items()
    ]
    for name, estimate in summary.writers.items():
        writer = f"{runs[name]} (fit {name})" if name in runs else name
        rows.append(_row(f"strength of {writer}", estimate))
    return rows


def _row(name: str, of: Estimate) -> tuple[str, str, str, str]:
    interval = "" if of.ci_low is None or of.ci_high is None else f"{of.ci_low:.3f} to {of.ci_high:.3f}"
    return (name, "-" if of.value is None else f"{of.value:.3f}", interval, f"{of.n:,}")


def longer_wins(ratings: Sequence[Rating]) -> Estimate:
    """The share of ratings, but ties, in which the longer reply is the better one; of equal length: half."""
    longer = np.array([np.sign(len(rating.pair.a.whole) - len(rating.pair.b.whole)) for rating in ratings])
    said = np.array([rating.p for rating in ratings], dtype=float)
    won = 0.5 + 0.5 * longer * np.sign(said - 0.5)
    return mean(np.where(said == 0.5, np.nan, won), [rating.pair.cluster for rating in ratings])


def _self_agreement(ratings: Sequence[Rating]) -> Estimate:
    before = {(rating.pair.id, rating.rater): rating.choice for rating in ratings if not rating.is_repeat}
    again = [rating for rating in ratings if rating.is_repeat and (rating.pair.id, rating.rater) in before]
    same = [float(before[rating.pair.id, rating.rater] == rating.choice) for rating in again]
    return mean(same, [rating.pair.cluster for rating in again])


def _kappas(ratings: Sequence[Rating]) -> dict[tuple[str, str], tuple[float | None, int]]:
    by_rater: dict[str, dict[str, Choice]] = {}
    for rating in ratings:
        by_rater.setdefault(rating.rater, {})[rating.pair.id] = rating.choice
    kappas = {}
    for one, other in itertools.combinations(sorted(by_rater), 2):
        if shared := sorted(by_rater[one].keys() & by_rater[other].keys()):
            kappas[one, other] = (
                _kappa(*([by_rater[rater][pair] for pair in shared] for rater in (one, other))),
                len(shared),
            )
    return kappas


def _kappa(one: Sequence[Choice], other: Sequence[Choice]) -> float | None:
    """None where chance alone would let both agree always."""
    if len({*one, *other}) == 1:
        return None
    from sklearn.metrics import cohen_kappa_score

    kappa = float(cohen_kappa_score(one, other))
    return kappa if math.isfinite(kappa) else None


def _writers(ratings: Sequence[Rating]) -> dict[str, Estimate]:
    """By Bradley and Terry (1952). Half a win is added to each side of each two writers, so that nobody's strength is
    infinite. Intervals: the percentile bootstrap over conversations."""
    met = [rating for rating in ratings if rating.pair.a.writer != rating.pair.b.writer]
    names = sorted({side.writer for rating in met for side in (rating.pair.a, rating.pair.b)})
    if not 2 <= len(names) <= _MOST_WRITERS:
        return {}
    place = {name: number for number, name in enumerate(names)}
    clusters = {cluster: number for number, cluster in enumerate(dict.fromkeys(r.pair.cluster for r in met))}
    wins = np.zeros((len(clusters), len(names), len(names)))
    for rating in met:
        assert rating.p is not None
        a, b, cluster = place[rating.pair.a.writer], place[rating.pair.b.writer], clusters[rating.pair.cluster]
        wins[cluster, a, b] += rating.p
        wins[cluster, b, a] += 1 - rating.p
    strengths = _strengths(wins.sum(0))
    games = [sum(name in (r.pair.a.writer, r.pair.b.writer) for r in met) for name in names]
    if too_few := no_interval(len(met), len(clusters)):
        estimates = [
            without_interval(float(strength), number, too_few, "")
            for strength, number in zip(strengths, games, strict=True)
        ]
    else:
        drawn = np.concatenate(
            [_strengths(np.einsum("rk,kvw->rvw", counts, wins)) for counts in cluster_counts(len(clusters))]
        )
        tail = (1 - CONFIDENCE) / 2
        low, high = np.quantile(drawn, [tail, 1 - tail], axis=0)
        spread = drawn.std(axis=0, ddof=1)
        estimates = [
            Estimate(float(strengths[i]), games[i], games[i], float(spread[i]), float(low[i]), float(high[i]))
            for i in range(len(names))
        ]
    by_name = dict(zip(names, estimates, strict=True))
    return dict(sorted(by_name.items(), key=lambda item: -(item[1].value or 0.0)))


def _strengths(wins: Floats) -> Floats:
    """(..., W) of (..., W, W)."""
    return bradley_terry(wins + _HALF_A_WIN * (1 - np.eye(wins.shape[-1])))
