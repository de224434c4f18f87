"""What a reader must know of a table is said, and said with the table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from harness.common.results_folder import SAMPLES_FILE
from harness.report import write_report
from harness.report.cautions import cautions
from harness.report.comparison import Comparison
from harness.report.conclusions import can_decide, findings
from harness.report.neighbours import next_models
from harness.report.verdicts import Verdicts
from tests.harness.report.records import edit


def test_different_texts_and_few_groups_of_samples_are_cautioned_of(
    small: Path, compare: Callable[[Path], Comparison]
) -> None:
    assert cautions(compare(small)) == []
    for run in small.glob("*-s0"):
        path = run / SAMPLES_FILE
        table = pd.read_parquet(path)
        table.loc[table["eval"] == "perplexity", "cluster"] = ["a", "a", "b", "b", "c", "c", "c", "c"]
        table.to_parquet(path, index=False)
    edit(small / "rnn-greedy-s0", lambda record: record["data"].update(fingerprint="ef" * 32))
    texts, groups = cautions(compare(small))
    assert texts.startswith("These runs used 2 different data sets or splits. Bits per byte of different texts cannot")
    assert groups == (
        "Samples of perplexity: only 3 independent groups, such as documents or conversations. "
        "No difference can be significant with fewer than 5."
    )


def group_documents(experiment: Path, num_groups: int) -> None:
    for path in experiment.glob(f"*-s0/{SAMPLES_FILE}"):
        table = pd.read_parquet(path)
        chosen = table["eval"] == "perplexity"
        table.loc[chosen, "cluster"] = [f"{place % num_groups}" for place in range(int(chosen.sum()))]
        table.to_parquet(path, index=False)


@pytest.mark.parametrize(("num_groups", "least"), [(5, 0.0625), (6, 0.03125), (7, None)])
def test_where_few_groups_can_not_be_significant_terminal_page_and_findings_say_so(
    small: Path, compare: Callable[[Path], Comparison], num_groups: int, least: float | None
) -> None:
    """Three measures are tested: of the ones with many groups all is rejected at best, and this one has it all."""
    group_documents(small, num_groups)
    comparison = compare(small)
    verdicts = Verdicts.of(comparison)
    pair = verdicts.models[verdicts.models["metric"] == "bits_per_byte"].iloc[0]
    assert pair["smallest_possible_p"] == (least or 2.0**-6)
    can_be = (least or 0.0) < 0.05
    assert can_decide(pair) == can_be
    said, table = findings(comparison, verdicts)[0], next_models(comparison, verdicts.models, comparison.headlines[0])
    if can_be:
        assert cautions(comparison) == []
        assert "cannot decide" not in said
        assert [row.verdict for row in table.rows] != ["this design cannot decide"]
    else:
        assert cautions(comparison) == [
            "Samples of perplexity: only 5 independent groups, such as documents or conversations. No difference can "
            "be significant: corrected over 3 measures, no p is below 0.062. More test documents, or fewer evals, "
            "would help."
        ]
        assert said.endswith(
            "this design cannot decide. The samples are 5 independent groups, for which no corrected p is below 0.062."
        )
        assert [row.verdict for row in table.rows] == ["this design cannot decide"]


def test_measures_with_few_groups_each_take_their_share_of_the_level(
    small: Path, compare: Callable[[Path], Comparison]
) -> None:
    for path in small.glob(f"*-s0/{SAMPLES_FILE}"):
        table = pd.read_parquet(path)
        table["cluster"] = [f"{place % 6}" for place in range(len(table))]
        table.to_parquet(path, index=False)
    [caution] = cautions(compare(small))
    assert caution.startswith("Samples of perplexity, arithmetic and turn taking: only 6 independent groups")
    assert "corrected over 3 measures, no p is below 0.094." in caution  # 3 x 1 / 32


@pytest.mark.usefixtures("no_plots")
def test_reports_of_experiments_on_different_texts_are_cautioned_of_together(small: Path) -> None:
    (small.parent / "other").mkdir()
    (small / "rnn-greedy-s0").rename(small.parent / "other" / "rnn-greedy-s0")
    edit(small.parent / "other" / "rnn-greedy-s0", lambda record: record["data"].update(fingerprint="ef" * 32))
    report = write_report(small.parent)
    assert len(report.pages) == 2
    assert [caution[:37] for caution in report.cautions] == ["These runs used 2 different data sets"]
