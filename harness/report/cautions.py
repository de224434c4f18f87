"""What a table of values doesn't show, and its reader must know: texts that differ, samples that are too few."""

from __future__ import annotations

from collections.abc import Iterable

from harness.common.plurals import many
from harness.report.comparison import Comparison, MeasureKey
from harness.report.pairs import SIGNIFICANT_BELOW
from harness.report.results import Run
from harness.report.wording import joined, words
from harness.statistics.estimate import FEWEST_CLUSTERS
from harness.statistics.multiple import over_measures, smallest_possible
from harness.statistics.paired_difference import can_be_significant


def cautions(comparison: Comparison) -> list[str]:
    """One sentence each."""
    return [*on_texts(comparison.results.runs), *_on_what_is_not_compared(comparison), *_on_few_groups(comparison)]


def on_texts(runs: Iterable[Run]) -> list[str]:
    """That runs used different texts, where they did."""
    num_texts = len({run.record.data.get("fingerprint") for run in runs})
    if num_texts == 1:
        return []
    return [
        f"These runs used {num_texts} different data sets or splits. Bits per byte of different texts cannot be "
        "compared; pairs are tested only within one data set."
    ]


def _on_what_is_not_compared(comparison: Comparison) -> list[str]:
    """In what else than the data models differ, so that they are not compared."""
    by_difference: dict[str, list[str]] = {}
    for measure in comparison.headlines:
        apart: dict[str, None] = {}
        for decoding in comparison.decodings_of(measure):
            apart |= dict.fromkeys(comparison.not_alike(measure, decoding))
        if others := [part for part in apart if not part.startswith("data (")]:
            by_difference.setdefault(joined(others), []).append(words(measure.eval))
    return [
        f"In {joined(names)} some models differ in {apart}. Such models are not compared; pairwise.csv has the others."
        for apart, names in by_difference.items()
    ]


def _on_few_groups(comparison: Comparison) -> list[str]:
    """Evals whose samples are in so few independent groups that nothing can be significant."""
    counts = {measure: count for measure in comparison.headlines if (count := _fewest_groups(comparison, measure))}
    judged = {measure: [smallest_possible(count)] for measure, count in counts.items() if measure.is_judged}
    sentences: dict[str, list[str]] = {}
    for measure, (least,) in over_measures(judged).items():
        if not can_be_significant(counts[measure]):
            why = f"No difference can be significant with fewer than {FEWEST_CLUSTERS}."
        elif least is not None and least >= SIGNIFICANT_BELOW:
            why = (
                f"No difference can be significant: corrected over {many(len(judged), 'measure')}, no p is below "
                f"{least:.2g}. More test documents, or fewer evals, would help."
            )
        else:
            continue
        groups = many(counts[measure], "independent group")
        text = f"only {groups}, such as documents or conversations. {why}"
        sentences.setdefault(text, []).append(words(measure.eval))
    return [f"Samples of {joined(names)}: {text}" for text, names in sentences.items()]


def _fewest_groups(comparison: Comparison, measure: MeasureKey) -> int | None:
    """In how few independent groups the samples of some model are; None where there are none."""
    counts = [
        count
        for decoding in comparison.decodings_of(measure)
        for system in comparison.systems
        if (count := comparison.num_clusters(system, decoding, measure)) is not None
    ]
    return min(counts, default=None)
