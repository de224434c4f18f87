"""Every two systems are compared over the same samples, or it is said why they are not."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.report import write_report
from harness.report.comparison import Comparison
from harness.report.pairs import compare_pairs
from harness.statistics.paired_difference import paired
from tests.harness.report.conftest import Written
from tests.harness.report.fake_results import MODELS
from tests.harness.report.records import edit, edit_metrics, edit_samples


def test_every_pair_is_compared_on_every_headline_and_decoding(written: Written, decodings: list[str]) -> None:
    pairs = pd.read_csv(written.folder / "pairwise.csv")
    names = {frozenset(pair) for pair in itertools.combinations([fake.name for fake in MODELS], 2)}
    bits = pairs[pairs["metric"] == "bits_per_byte"]
    assert {frozenset(pair) for pair in zip(bits["model_a"], bits["model_b"], strict=True)} == names
    assert set(bits["decoding"]) == {"any"}  # likelihoods don't depend on the decoding strategy
    exact = pairs[pairs["metric"] == "exact_match"]
    assert sorted(exact["decoding"].unique()) == decodings
    assert len(exact) == 4 * len(names) - 7  # the failed run misses its seven pairs
    assert not pairs.duplicated(["metric", "decoding", "model_a", "model_b"]).any()


def test_a_row_of_the_pairs_is_the_paired_difference_over_the_same_samples(written: Written) -> None:
    pairs = pd.read_csv(written.folder / "pairwise.csv")
    exact = pairs[(pairs["metric"] == "exact_match") & (pairs["decoding"] == "greedy")]
    row = exact[(exact["model_a"] == "transformer") & (exact["model_b"] == "lstm")].iloc[0]
    tables = []
    for name in ("transformer", "lstm"):
        table = pd.read_parquet(written.experiment / f"{name}-greedy-s0" / "samples.parquet")
        tables.append(table[table["eval"] == "arithmetic"].sort_values("sample_id"))
    a, b = ([json.loads(text)["exact_match"] for text in table["values"]] for table in tables)
    by_hand = paired(a, b, tables[0]["cluster"].to_list())
    assert row["difference"] == pytest.approx(np.mean(a) - np.mean(b))
    assert row["p_value"] == pytest.approx(by_hand.p_value)
    assert row["ci_low"] == pytest.approx(by_hand.difference.ci_low)
    assert row["smallest_detectable_difference"] == pytest.approx(by_hand.smallest_detectable_difference)
    assert (row["n"], row["n_total"], row["num_clusters"]) == (160, 160, 160)
    assert row["p_value_these_fits"] == pytest.approx(by_hand.p_value_these_fits)
    assert (row["df"], row["about"]) == (159, "families")
    tested = pairs[pairs["p_value"].notna()]
    assert (tested["p_corrected"] >= tested["p_value"]).all()
    assert (tested["p_corrected"] > tested["p_value"]).any()


def test_a_model_is_called_better_only_with_a_small_corrected_p_and_an_interval_without_zero(
    three_seeds: Path, compare: Callable[[Path], Comparison]
) -> None:
    pairs = compare_pairs(compare(three_seeds))
    clear = pairs[pairs["better"].notna()]
    assert len(clear)
    assert (clear["p_corrected"] < 0.05).all()
    assert set(clear["about"]) == {"families"}
    assert ((clear["ci_low"] > 0) | (clear["ci_high"] < 0)).all()
    bits = clear[clear["metric"] == "bits_per_byte"]
    lower = bits["model_b"].where(bits["difference"] > 0, bits["model_a"])
    assert (bits["better"] == lower).all()
    unclear = pairs[pairs["better"].isna()]
    assert (unclear["p_corrected"].isna() | (unclear["p_corrected"] >= 0.05)).all()


def test_runs_without_samples_or_curves_still_make_a_report_and_pairs_say_why_not(small: Path) -> None:
    for path in [*small.glob("rnn-*/samples.parquet"), *small.glob("*/curve.parquet")]:
        path.unlink()
    report = write_report(small)
    pairs = pd.read_csv(report.page.parent / "pairwise.csv")
    assert (pairs["reason"] == "no samples that give rnn").all()
    assert pairs["p_value"].isna().all()
    assert not (report.page.parent / "validation_by_seconds.svg").exists()
    assert (report.page.parent / "ladder.svg").exists()


@pytest.mark.usefixtures("no_plots")
def test_systems_on_different_data_are_not_paired_and_the_page_warns(small: Path) -> None:
    for run in small.glob("rnn-*"):
        edit(run, lambda record: record["data"].update(fingerprint="ef" * 32))
    report = write_report(small)
    pairs = pd.read_csv(report.page.parent / "pairwise.csv")
    assert (pairs["reason"] == "not compared: they differ in data (cdcdcdcdcdcd and efefefefefef)").all()
    assert "cannot be compared" in report.page.read_text()


def test_every_two_decoding_strategies_of_a_model_are_compared_over_the_same_samples(written: Written) -> None:
    found = pd.read_csv(written.folder / "strategies.csv")
    assert set(found["metric"]) == {"exact_match", "took_its_turn"}  # the others don't depend on decoding
    exact = found[found["metric"] == "exact_match"]
    assert len(exact) == 7 * 6 + 3  # of eight models with four strategies; one run failed
    row = exact[(exact["model"] == "lstm") & (exact["decoding_a"] == "greedy") & (exact["decoding_b"] == "top_p")].iloc[
        0
    ]
    tables = []
    for decoding in ("greedy", "top_p"):
        table = pd.read_parquet(written.experiment / f"lstm-{decoding}-s0" / "samples.parquet")
        tables.append(table[table["eval"] == "arithmetic"].sort_values("sample_id"))
    a, b = ([json.loads(text)["exact_match"] for text in table["values"]] for table in tables)
    by_hand = paired(a, b, tables[0]["cluster"].to_list())
    assert row["difference"] == pytest.approx(np.mean(a) - np.mean(b))
    assert row["p_value"] == pytest.approx(by_hand.p_value)
    tested = exact[exact["p_value"].notna()]
    assert (tested["p_corrected"] >= tested["p_value"]).all()


def test_where_the_nearest_is_best_distances_are_compared(small: Path, compare: Callable[[Path], Comparison]) -> None:
    """Real text has 0.5 throughout. One model is at 0.3 and one at 0.6: a lower value is not better."""
    goal = {"higher_is_better": None, "nearest_to": "within_reason"}

    def change(metric: dict[str, object]) -> None:
        if metric["metric"] == "took_its_turn":
            metric.update(goal)

    edit_metrics(small, change)
    for run in small.glob("*-s0"):
        mean, size = (0.3, 0.02) if run.name.startswith("rnn") else (0.6, 0.01)
        edit_samples(
            run,
            "turn_taking",
            lambda i: {"took_its_turn": mean + size * (i % 3 - 1), "within_reason": 0.5},  # noqa: B023
        )
    pairs = compare_pairs(compare(small))
    row = pairs[(pairs["metric"] == "took_its_turn") & (pairs["decoding"] == "greedy")].iloc[0]
    assert {row["model_a"], row["model_b"]} == {"rnn", "ngram"}
    # distances: 0.5 - 0.3 and 0.6 - 0.5
    assert abs(row["difference"]) == pytest.approx(0.1)
    assert row["better"] == "ngram"
    assert row["nearest_to"] == "within_reason"
