"""What came out, in sentences made from the numbers."""

from __future__ import annotations

from typing import Any

import pandas as pd

from harness.common.numerals import number, sign
from harness.common.plurals import many
from harness.report.comparison import ANY_DECODING, Cell, Comparison, MeasureKey
from harness.report.pairs import SIGNIFICANT_BELOW, THESE_FITS, is_significant, pair_of, pairs_of
from harness.report.summary import intervals_cover
from harness.report.trivial import GUESSING
from harness.report.verdicts import Verdicts
from harness.report.wording import estimate_text, joined, p_text, target_words, words
from harness.statistics.estimate import FEWEST_CLUSTERS
from harness.statistics.paired_difference import FEWEST_SEEDS, can_be_significant

_MOST_NAMED = 4


def findings(comparison: Comparison, verdicts: Verdicts) -> list[str]:
    """Some sentences a headline measure: the best, the next, and whether the difference is significant."""
    sentences = [
        _finding(comparison, verdicts, measure, decoding).rstrip()
        for measure in comparison.headlines
        if comparison.goodness(measure, decoding := comparison.best_decoding(measure))
    ]
    if sentences:
        sentences.append(f"Intervals {intervals_cover(comparison)}.")
        sentences += _on_few_seeds(comparison)
    elif comparison.headlines:
        sentences.append("No model is the best: no measure here is better or worse. The tables have the values.")
    else:
        sentences.append("No run has measured anything: see the runs and their errors at the end.")
    return sentences


def _on_few_seeds(comparison: Comparison) -> list[str]:
    """Which models have too few seeds to say anything of their families, and what to do about it."""
    systems = [system for system in comparison.systems if 0 < comparison.num_seeds(system) < FEWEST_SEEDS]
    systems = [system for system in systems if comparison.depends_on_seed(system)]
    if not systems or len(comparison.systems) == 1:
        return []
    who = joined(systems) if len(systems) <= _MOST_NAMED else many(len(systems), "model")
    verb = "has" if len(systems) == 1 else "have"
    return [
        f"{who} {verb} fewer than {FEWEST_SEEDS} seeds: what is found holds for these fits and says nothing yet about "
        "the families. To compare families, add seed=0,1,2 to the command, as in `bakeoff compare seed=0,1,2`."
    ]


def _finding(comparison: Comparison, verdicts: Verdicts, measure: MeasureKey, decoding: str) -> str:
    goodness = comparison.goodness(measure, decoding)
    name, under = words(measure.metric).capitalize(), under_text(comparison, decoding)
    if apart := comparison.not_alike(measure, decoding):
        return f"{name}{under}: no model is the best, because they differ in {joined(apart)}."
    top = max(goodness.values())
    best = [system for system, value in goodness.items() if value == top]
    cell = comparison.cell(best[0], decoding, measure)
    assert cell is not None
    shown = _with_unit(cell)
    beside = _trivial_text(comparison, verdicts.trivial, measure, decoding)
    under_each = [comparison.goodness(measure, other).values() for other in comparison.decodings_of(measure)]
    judged = [value for values in under_each for value in values]
    if len(judged) == 1:
        return f"{name}: {best[0]}{under}, {shown}. {beside}"
    if judged.count(top) == len(judged):
        return f"{name}: {shown} for {_everyone(comparison, measure)}. {beside}"
    if len(best) == len(goodness) > 1:
        return f"{name}{under}: {shown} for every model. {beside}"
    if cell.estimate.ci_low is None and len(cell.seeds) == 1:
        why = cell.estimate.reason or "it has no interval"
        return f"{name}: no best is named ({why}). {joined(best)}{under} has {shown}. {beside}"
    equal = _equally_good(comparison, measure, best[0], top)
    under = f" under {joined(equal)}" if len(equal) > 1 else under
    text = f"{_superlative(comparison, measure, best[0], decoding)}: {joined(best)}{under}, {shown}. {beside}"
    text += _next_model(comparison, verdicts, measure, decoding, best)
    if decoding != ANY_DECODING and len(best) == len(equal) == 1:
        text += _next_strategy(comparison, verdicts, measure, decoding, best[0])
    return text


def _everyone(comparison: Comparison, measure: MeasureKey) -> str:
    """'every model', 'every decoding strategy', or both."""
    of_several = {
        "every model": len(comparison.systems) > 1,
        "every decoding strategy": len(comparison.decodings_of(measure)) > 1,
    }
    return " under ".join(name for name, are_several in of_several.items() if are_several)


def _equally_good(comparison: Comparison, measure: MeasureKey, system: str, top: float) -> list[str]:
    """The decoding strategies under which a system has the best value."""
    return [name for name in comparison.decodings_of(measure) if comparison.goodness(measure, name).get(system) == top]


def _superlative(comparison: Comparison, measure: MeasureKey, system: str, decoding: str) -> str:
    name = words(measure.metric)
    if measure.nearest_to is None:
        return f"{'Lowest' if measure.higher_is_better is False else 'Highest'} {name}"
    cell = comparison.cell(system, decoding, measure)
    assert cell is not None
    target = f"{number(cell.target, measure.unit)}{sign(measure.unit)}"
    return f"{name.capitalize()} nearest to {target_words(measure)} ({target})"


def _next_model(comparison: Comparison, verdicts: Verdicts, measure: MeasureKey, decoding: str, best: list[str]) -> str:
    """The model after the best ones, and how sure the difference is. Ends in a space, or is empty."""
    goodness = comparison.goodness(measure, decoding)
    pairs = pairs_of(verdicts.models, measure, decoding=decoding)
    of_best = pairs[((pairs["model_a"] == best[0]) | (pairs["model_b"] == best[0])) & pairs["difference"].notna()]
    others = ({*of_best["model_a"], *of_best["model_b"]} & set(goodness)) - set(best)
    if not others:
        return ""
    other = max((system for system in goodness if system in others), key=lambda system: goodness[system])
    shown = _with_unit(comparison.cell(other, decoding, measure))
    verdict = _verdict(pair_of(of_best, "model", best[0], other), best[0])
    return f"Next: {other}{under_text(comparison, decoding)}, {shown}; {verdict} "


def _next_strategy(comparison: Comparison, verdicts: Verdicts, measure: MeasureKey, decoding: str, system: str) -> str:
    """The best model's next decoding strategy, and how sure the difference is; empty where there is none."""
    judged = {
        other: cell.goodness
        for other in comparison.decodings_of(measure)
        if other != decoding and (cell := comparison.cell(system, other, measure)) and cell.goodness is not None
    }
    pairs = pairs_of(verdicts.strategies, measure, model=system)
    pairs = pairs[((pairs["decoding_a"] == decoding) | (pairs["decoding_b"] == decoding)) & pairs["difference"].notna()]
    judged = {other: value for other, value in judged.items() if other in {*pairs["decoding_a"], *pairs["decoding_b"]}}
    if not judged:
        return ""
    other = max(judged, key=lambda name: judged[name])
    shown = _with_unit(comparison.cell(system, other, measure))
    verdict = _verdict(pair_of(pairs, "decoding", decoding, other), decoding)
    return f"Next strategy of {system}: {other}, {shown}; {verdict} "


def _verdict(pair: Any, best: str) -> str:
    """'paired difference 0.012 [0.003, 0.021] over 231 samples, ...: a significant difference.'"""
    what = "paired difference" if pd.isna(pair["nearest_to"]) else "paired difference in distance"
    text = f"{what} {difference_text(pair)} over {many(int(pair['n']), 'sample')}"
    if not can_decide(pair):
        return f"{text}: this design cannot decide. {undecidable(pair)}"
    if pd.isna(pair["p_corrected"]):
        return f"{text}: {pair['reason']}."
    text += f", corrected {p_text(float(pair['p_corrected']))}: "
    if pair["better"] == best:
        return f"{text}a significant difference."
    if pair["about"] == THESE_FITS:
        verdict = "differ significantly" if is_significant(pair) else "do not differ significantly"
        of_fits = f"these two fits {verdict}" if "model_a" in pair else f"the strategies {verdict} with these fits"
        return f"{text}{of_fits}."
    return f"{text}no significant difference{_detectable(pair)}."


def under_text(comparison: Comparison, decoding: str) -> str:
    """' under NAME'; empty where there is only one strategy, or none plays a part."""
    return "" if len(comparison.decodings) == 1 or decoding == ANY_DECODING else f" under {decoding}"


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
    """Whether any outcome could be significant."""
    if not can_be_significant(int(pair["num_clusters"])):
        return False
    least = pair["smallest_possible_p"]
    return pd.isna(least) or float(least) < SIGNIFICANT_BELOW or is_significant(pair)


def undecidable(pair: Any) -> str:
    """Why a pair can't be decided."""
    num_clusters = int(pair["num_clusters"])
    groups = many(num_clusters, "independent group")
    if not can_be_significant(num_clusters):
        return f"The samples are {groups}, and an interval needs at least {FEWEST_CLUSTERS}."
    least = float(pair["smallest_possible_p"])
    return f"The samples are {groups}, for which no corrected p is below {least:.2g}."


def _with_unit(cell: Cell | None) -> str:
    """'48.1 % [41.2, 55.0]'; the unit is left out where the measure's name says it."""
    value, _, interval = estimate_text(cell).partition(" ")
    return f"{value}{sign(cell.measure.unit) if cell else ''} {interval}".rstrip()


def _trivial_text(comparison: Comparison, trivial: pd.DataFrame, measure: MeasureKey, decoding: str) -> str:
    """Who is significantly better than the best trivial answer. Ends in a space, or is empty."""
    chosen = trivial[(trivial["eval"] == measure.eval) & (trivial["metric"] == measure.metric)]
    chosen = chosen[chosen["decoding"] == decoding]
    answers = set(zip(map(str, chosen["trivial_answer"]), map(float, chosen["trivial_value"]), strict=True))
    if not answers:
        return ""
    better = [
        system for system in comparison.systems if system in set(chosen.loc[chosen["is_better"].astype(bool), "model"])
    ]
    if len(answers) == 1:
        [(label, value)] = answers
        beaten = f"{_trivial_name(label)} gets {number(value, measure.unit)}{sign(measure.unit)}"
    else:
        beaten = "Each model is held to the best trivial answer to what it was asked"
    who = joined(better) if better else "no model"
    if len(better) == len(chosen) > 1:
        who = "every model"
    verb = "are" if len(better) > 1 and who != "every model" else "is"
    corrected = " (corrected for the number of tests)" if len(trivial) > 1 else ""
    return f"{beaten}; {who} {verb} significantly better than that{corrected}. "


def _trivial_name(label: str) -> str:
    return "Guessing" if label == GUESSING else f"The rule “{words(label)}”"
