"""The tables: a row a system and decoding strategy, with the recorded values, that every program can read."""

from __future__ import annotations

import csv
import io
import itertools
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.evaluation.metric import Metric
from harness.report import write_report
from harness.report.comparison import Comparison
from harness.report.summary import summary
from harness.runs.record import SCHEMA_VERSION, RunRecord
from harness.statistics.intervals import over_seeds
from tests.harness.report.conftest import Written
from tests.harness.report.records import edit


def test_the_summary_has_a_row_a_model_and_decoding_with_the_recorded_values(written: Written) -> None:
    table = pd.read_csv(written.folder / "summary.csv")
    assert len(table) == 32
    pd.testing.assert_frame_equal(
        table, pd.read_parquet(written.folder / "summary.parquet"), check_dtype=False, rtol=1e-9
    )
    record = RunRecord.read(written.experiment / "lstm-greedy-s0")
    row = table[(table["model"] == "lstm") & (table["decoding"] == "greedy")].iloc[0]
    for metric in record.metrics:
        if metric.slice == "all":
            assert row[metric.metric] == pytest.approx(metric.value, rel=1e-9)
            assert row[f"{metric.metric}_n"] == metric.n
            assert row[f"{metric.metric}_n_total"] == metric.n_total
            if metric.ci_low is not None:
                assert row[f"{metric.metric}_ci_low"] == pytest.approx(metric.ci_low, rel=1e-9)
                assert row[f"{metric.metric}_ci_high"] == pytest.approx(metric.ci_high, rel=1e-9)
    assert (row["family"], row["num_seeds"], row["num_params"], row["train_seconds"]) == ("lstm", 1, 798_720, 60)


def test_models_stand_the_worst_first(written: Written) -> None:
    order = list(dict.fromkeys(pd.read_csv(written.folder / "summary.csv")["model"]))
    bits = pd.read_csv(written.folder / "summary.csv").groupby("model")["bits_per_byte"].mean()
    assert order == list(bits.sort_values(ascending=False).index)
    assert list(dict.fromkeys(written.report.table["model"])) == order


def test_a_failed_run_keeps_its_row_and_has_no_values(written: Written) -> None:
    table = pd.read_csv(written.folder / "summary.csv")
    row = table[(table["model"] == "rnn") & (table["decoding"] == "top_p")].iloc[0]
    assert (row["num_seeds"], row["num_failed"]) == (0, 1)
    assert math.isnan(row["bits_per_byte"])
    runs = pd.read_csv(written.folder / "runs.csv")
    failed = runs[runs["status"] == "failed"]
    assert len(failed) == 1
    assert "loss became NaN" in failed.iloc[0]["error"]
    readable = written.report.table
    chosen = readable[(readable["model"] == "rnn") & (readable["decoding"] == "top_p")].iloc[0]
    assert (chosen["seeds"], chosen["bits per byte"]) == ("0 (1 failed)", "–")


@pytest.mark.usefixtures("no_plots")
def test_two_evals_with_a_metric_of_one_name_keep_both(small: Path) -> None:
    extra = Metric("other", 1, "exact_match", "all", 0.125, "share", True, 8, 8)
    for run in small.glob("*-s0"):
        edit(run, lambda record: record["metrics"].append(vars(extra)))
    table = pd.read_csv(write_report(small).page.parent / "summary.csv")
    assert (table["other.exact_match"] == 0.125).all()
    assert "arithmetic.exact_match" in table.columns
    assert "exact_match" not in table.columns


@pytest.mark.usefixtures("no_plots")
def test_a_missing_value_is_a_dash_with_its_reason_never_zero(small: Path) -> None:
    def lose(record: dict[str, Any]) -> None:
        for metric in record["metrics"]:
            if metric["metric"] == "took_its_turn":
                metric.update(value=None, n=0, stderr=None, ci_low=None, ci_high=None, reason="no <i>transcripts</i>")

    for run in small.glob("rnn-*"):
        edit(run, lose)
    report = write_report(small)
    table = pd.read_csv(report.page.parent / "summary.csv").set_index("model")
    assert table.loc["rnn", "took_its_turn"].isna().all()
    assert (table.loc["rnn", "took_its_turn_n"] == 0).all()
    assert (table.loc["rnn", "took_its_turn_n_total"] == 60).all()
    assert (report.table.set_index("model").loc["rnn", "took its turn, %"] == "–").all()
    assert "no &lt;i&gt;transcripts&lt;/i&gt;" in report.page.read_text()


@pytest.mark.usefixtures("no_plots")
@pytest.mark.usefixtures("no_plots")
def test_counts_of_samples_name_the_rows_that_differ(small: Path) -> None:
    def lose(record: dict[str, Any]) -> None:
        [metric] = [m for m in record["metrics"] if (m["metric"], m["slice"]) == ("exact_match", "all")]
        metric.update(n=21)

    edit(small / "ngram-top_p-s0", lose)
    lines = (write_report(small).page.parent / "summary.md").read_text().splitlines()
    assert "Samples with a value, exact match: 30 of 30; 21 of 30 of ngram under top_p." in lines


def test_no_cell_of_a_csv_is_a_formula_and_every_csv_is_read_back(small: Path) -> None:
    for run in small.glob("rnn-*"):
        edit(run, lambda record: (record["model"].update(name="=HYPERLINK(1)"), record.update(error="+1\n@x")))
    folder = write_report(small).page.parent
    for name in ("summary.csv", "runs.csv", "pairwise.csv"):
        rows = list(csv.reader(io.StringIO((folder / name).read_text())))
        assert len({len(row) for row in rows}) == 1
        for cell in itertools.chain.from_iterable(rows):
            assert not cell.startswith(("=", "+", "@", "\t", "\r"))
            assert not cell.startswith("-") or float(cell) <= 0


def test_the_markdown_and_latex_tables_have_as_many_cells_in_every_row(written: Written) -> None:
    rows = [line for line in (written.folder / "summary.md").read_text().splitlines() if line.startswith("|")]
    assert len(rows) == 34
    assert len({row.replace("\\|", "").count("|") for row in rows}) == 1
    tex = (written.folder / "summary.tex").read_text()
    lines = [line for line in tex.splitlines() if line.endswith(r"\\")]
    assert len(lines) == 33
    assert len({line.replace(r"\&", "").count("&") for line in lines}) == 1
    assert tex.count(r"\toprule") == tex.count(r"\midrule") == tex.count(r"\bottomrule") == 1


def test_a_measure_has_the_spread_over_seeds_and_the_error_over_samples_in_columns_of_their_own(
    three_seeds: Path, compare: Callable[[Path], Comparison]
) -> None:
    row = summary(compare(three_seeds)).set_index(["model", "decoding"]).loc[("gru", "greedy")]
    tables = [pd.read_parquet(three_seeds / f"families/gru-greedy-s{seed}/samples.parquet") for seed in range(3)]
    rows = [table[table["eval"] == "arithmetic"].sort_values("sample_id") for table in tables]
    right = [[float(json.loads(text)["exact_match"]) for text in table["values"]] for table in rows]
    by_hand = over_seeds(right, rows[0]["cluster"].tolist(), seeds_vary=False)
    assert row["exact_match_sd_seeds"] == pytest.approx(np.std([np.mean(own) for own in right], ddof=1))
    assert row["exact_match_stderr_samples"] == pytest.approx(by_hand.stderr_samples)
    # the mean over seeds of each sample, as a sample of its own
    of_samples = np.mean(right, axis=0)
    assert row["exact_match_stderr_samples"] == pytest.approx(of_samples.std(ddof=1) / math.sqrt(len(of_samples)))


def test_one_seed_has_no_spread_over_seeds(written: Written) -> None:
    table = pd.read_csv(written.folder / "summary.csv")
    assert table["exact_match_sd_seeds"].isna().all()
    assert table["exact_match_stderr_samples"].isna().all()


def test_what_a_report_was_made_with_is_kept(written: Written) -> None:
    made_with = json.loads((written.folder / "made_with.json").read_text())
    record = RunRecord.read(written.experiment / "lstm-greedy-s0")
    assert made_with == {
        "schema_version": SCHEMA_VERSION,
        "evals": {metric.eval: [metric.eval_version] for metric in record.metrics},
    }
