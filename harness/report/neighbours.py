"""Tables of neighbours in an order: each model beside the next better one, each model's best decoding strategy beside
its next one."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import pandas as pd

from harness.common.numerals import number
from harness.report.comparison import Comparison, MeasureKey
from harness.report.conclusions import can_decide, difference_text, under_text
from harness.report.pairs import THESE_FITS, THIS_FIT, is_significant, pair_of, pairs_of
from harness.report.wording import heading, p_text

SIGNIFICANT = "significant"


@dataclass(frozen=True)
class Neighbours:
    """Two neighbours, and how sure their difference is."""

    of: str
    """The model whose strategies they are, else ''."""
    better: str
    worse: str
    difference: str
    p: str
    detectable: str
    n: str
    verdict: str

    @property
    def is_significant(self) -> bool:
        return self.verdict == SIGNIFICANT


@dataclass(frozen=True)
class NeighbourTable:
    """The neighbours by one measure."""

    title: str
    """The measure, and the decoding strategy that all have in common."""
    rows: list[Neighbours]

    @property
    def why_not(self) -> str:
        """Why none of them can be compared; '' where some can, or there are none."""
        reasons = {row.verdict for row in self.rows}
        return reasons.pop() if len(reasons) == 1 and all(row.n == "–" for row in self.rows) else ""


def next_models(comparison: Comparison, pairs: pd.DataFrame, measure: MeasureKey) -> NeighbourTable:
    """Each model beside the next better one, under the measure's best decoding strategy."""
    decoding = comparison.best_decoding(measure)
    goodness = comparison.goodness(measure, decoding)
    order = sorted(goodness, key=lambda system: goodness[system])
    here = pairs_of(pairs, measure, decoding=decoding)
    rows = [
        _neighbours("", better, worse, pair_of(here, "model", worse, better), measure)
        for worse, better in itertools.pairwise(order)
    ]
    return NeighbourTable(heading(measure.metric, measure.unit) + under_text(comparison, decoding), rows)


def next_strategies(comparison: Comparison, pairs: pd.DataFrame, measure: MeasureKey) -> NeighbourTable:
    """Each model's best decoding strategy beside its next best one."""
    rows = []
    for system in comparison.systems:
        cells = {name: comparison.cell(system, name, measure) for name in comparison.decodings_of(measure)}
        judged = {name: cell.goodness for name, cell in cells.items() if cell and cell.goodness is not None}
        order = sorted(judged, key=lambda name: judged[name], reverse=True)
        if len(order) > 1:
            best, following = order[:2]
            pair = pair_of(pairs_of(pairs, measure, model=system), "decoding", best, following)
            rows.append(_neighbours(system, best, following, pair, measure))
    return NeighbourTable(heading(measure.metric, measure.unit), rows)


def _neighbours(of: str, better: str, worse: str, pair: Any, measure: MeasureKey) -> Neighbours:
    if pd.isna(pair["difference"]):
        return Neighbours(of, better, worse, "–", "–", "–", "–", str(pair["reason"]))
    detectable = pair["smallest_detectable_difference"]
    if pair["better"] == better:
        verdict = SIGNIFICANT
    elif not can_decide(pair):
        verdict = "this design cannot decide"
    elif pair["about"] in (THESE_FITS, THIS_FIT) and is_significant(pair):
        verdict = "significant of these fits" if pair["about"] == THESE_FITS else "significant of this fit"
    else:
        verdict = "not significant" if pair["difference"] else "equal"
    return Neighbours(
        of,
        better,
        worse,
        difference_text(pair),
        p_text(float(pair["p_corrected"])) if pd.notna(pair["p_corrected"]) else "–",
        number(float(detectable), measure.unit) if pd.notna(detectable) and can_decide(pair) else "–",
        f"{int(pair['n'])} of {int(pair['n_total'])}",
        verdict,
    )
