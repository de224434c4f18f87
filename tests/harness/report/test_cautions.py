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


@pytest.mark.usefixtures("no_plots")
def test_reports_of_experiments_on_different_texts_are_cautioned_of_together(small: Path) -> None:
    (small.parent / "other").mkdir()
    (small / "rnn-greedy-s0").rename(small.parent / "other" / "rnn-greedy-s0")
    edit(small.parent / "other" / "rnn-greedy-s0", lambda record: record["data"].update(fingerprint="ef" * 32))
    report = write_report(small.parent)
    assert len(report.pages) == 2
    assert [caution[:37] for caution in report.cautions] == ["These runs used 2 different data sets"]
