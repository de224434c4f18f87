"""What came out, in sentences made from the numbers."""

from __future__ import annotations

from typing import Any

import pandas as pd

from harness.report.comparison import ANY_DECODING, Cell, Comparison, MeasureKey
from harness.report.pairs import pairs_of
from harness.report.summary import intervals_cover
from harness.report.wording import estimate_text, joined, number, p_text, words

ALPHA = 0.05


def findings(comparison: Comparison, pairs: pd.DataFrame) -> list[str]:
    """A sentence or two a headline measure: the best, the next, and whether the difference is significant."""
    told = []
    for measure in comparison.headlines:
        decoding = _best_decoding(comparison, measure)
        if decoding is not None:
            told.append(_finding(comparison, pairs, measure, decoding).rstrip())
    if told:
        told.append(f"Intervals {intervals_cover(comparison)}.")
    else:
        told.append("No run has measured anything: see the runs and their errors at the end.")
    return told


def _best_decoding(comparison: Comparison, measure: MeasureKey) -> str | None:
    """The decoding strategy under which the best value of all stands."""
    best = {
        decoding: max(measure.goodness(value) for value in values.values())
        for decoding in comparison.decodings_of(measure)
        if (values := comparison.values(measure, decoding))
    }
    return max(best, key=lambda decoding: best[decoding]) if best else None


def _finding(comparison: Comparison, pairs: pd.DataFrame, measure: MeasureKey, decoding: str) -> str:
    values = comparison.values(measure, decoding)
    top = max(values.values(), key=measure.goodness)
    best = [system for system, value in values.items() if value == top]
    shown = _with_unit(comparison.cell(best[0], decoding, measure))
    under = "" if len(comparison.decodings) == 1 or decoding == ANY_DECODING else f" under {decoding}"
    chance = _chance_text(comparison, measure, decoding)
    if len(best) == len(values) > 1:
        return f"{words(measure.metric).capitalize()}{under}: {shown} for every model. {chance}"
    word = "Lowest" if measure.higher_is_better is False else "Highest"
    text = f"{word} {words(measure.metric)}: {joined(best)}{under}, {shown}. {chance}"
    here = pairs_of(pairs, measure, decoding)
    mine = here[((here["model_a"] == best[0]) | (here["model_b"] == best[0])) & here["difference"].notna()]
    others = {*mine["model_a"], *mine["model_b"]} - set(best)
    if not others:
        return text
    other = max((s for s in values if s in others), key=lambda system: measure.goodness(values[system]))
    row = mine[(mine["model_a"] == other) | (mine["model_b"] == other)].iloc[0]
    text += (
        f"Next: {other}, {_with_unit(comparison.cell(other, decoding, measure))}; paired difference "
        f"{difference_text(row)} over {int(row['n'])} samples, Holm-corrected {p_text(float(row['p_holm']))}: "
    )
    if row["better"] == best[0]:
        return f"{text}a significant difference."
    if not can_decide(row):
        return f"{text}this design cannot decide. {undecidable(row)}"
    return f"{text}no significant difference{_detectable(row)}."


def difference_text(row: Any) -> str:
    """How much better the better one is: '0.037 [0.011, 0.062]', '12.1 [3.1, 21.3] points'."""
    unit = row["unit"]
    interval = ""
    if pd.notna(row["ci_low"]):
        low, high = float(row["ci_low"]), float(row["ci_high"])
        ends = (low, high) if row["difference"] >= 0 else (-high, -low)
        interval = f" [{number(ends[0], unit)}, {number(ends[1], unit)}]"
    return f"{number(abs(float(row['difference'])), unit)}{interval}{_points(unit)}"


def _points(unit: str) -> str:
    return " points" if unit == "share" else ""


def _detectable(row: Any) -> str:
    size = row["smallest_detectable_difference"]
    if pd.isna(size):
        return ""
    size_text = number(float(size), row["unit"]) + _points(row["unit"])
    return f" (a difference of {size_text} would be detected with 80 % power)"


def can_decide(pair: Any) -> bool:
    """Whether any outcome could be significant: with K clusters a sign-flip test has no p below 2 / 2^K."""
    return 2.0 ** (1 - int(pair["num_clusters"])) < ALPHA


def undecidable(pair: Any) -> str:
    """Why a pair can't be decided."""
    num_clusters = int(pair["num_clusters"])
    return (
        f"The samples are {num_clusters} independent {'group' if num_clusters == 1 else 'groups'}, and with so few the "
        f"smallest possible value is {p_text(2.0 ** (1 - num_clusters))}: it needs at least 6."
    )


def _with_unit(cell: Cell | None) -> str:
    """'48.1 % [41.2, 55.0]'; the unit is left out where the measure's name says it."""
    value, _, interval = estimate_text(cell).partition(" ")
    sign = _sign(cell.measure) if cell else ""
    return f"{value}{sign} {interval}".rstrip()


def _sign(measure: MeasureKey) -> str:
    return " %" if measure.unit == "share" else ""


def _chance_text(comparison: Comparison, measure: MeasureKey, decoding: str) -> str:
    """Who is significantly better than guessing: those whose whole interval is. Ends in a space, or is empty."""
    cells = [(s, c) for s in comparison.systems if (c := comparison.cell(s, decoding, measure)) and c.seeds]
    chance = next((cell.chance for _, cell in cells if cell.chance is not None), None)
    if chance is None:
        return ""
    better = []
    for system, cell in cells:
        end = cell.estimate.ci_high if measure.higher_is_better is False else cell.estimate.ci_low
        if end is not None and measure.goodness(end) > measure.goodness(chance):
            better.append(system)
    who = (
        "every model is" if len(better) == len(cells) > 1 else f"{joined(better)} {'is' if len(better) == 1 else 'are'}"
    )
    who = who if better else "no model is"
    return f"Chance is {number(chance, measure.unit)}{_sign(measure)}; {who} significantly better than that. "
