"""A model is held to the best trivial answer, and the claim is corrected for all the tests of a measure."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from harness.report.comparison import Comparison
from harness.report.conclusions import findings
from harness.report.trivial import GUESSING, compare_with_trivial
from harness.report.verdicts import Verdicts
from harness.statistics.multiple import holm
from harness.statistics.paired_difference import paired
from tests.harness.report.fake_results import DECODINGS
from tests.harness.report.records import edit, edit_samples

Compare = Callable[[Path], Comparison]


def test_a_value_beside_chance_is_a_paired_difference_corrected_over_all_cells(small: Path, compare: Compare) -> None:
    found = compare_with_trivial(compare(small))
    exact = found[found["metric"] == "exact_match"]
    assert len(exact) == 2 * len(DECODINGS)
    assert set(exact["trivial_answer"]) == {GUESSING}
    row = exact[(exact["model"] == "ngram") & (exact["decoding"] == "greedy")].iloc[0]
    table = pd.read_parquet(small / "ngram-greedy-s0" / "samples.parquet")
    table = table[table["eval"] == "arithmetic"].sort_values("sample_id")
    right = [json.loads(text)["exact_match"] for text in table["values"]]
    by_hand = paired(right, [0.004] * len(right), table["cluster"].to_list())
    assert row["difference"] == pytest.approx(np.mean(right) - 0.004)
    assert row["p_value"] == pytest.approx(by_hand.p_value)
    tested = found[found["p_value"].notna()]  # of every measure
    np.testing.assert_allclose(tested["p_corrected"], np.array(holm(tested["p_value"].to_list()), dtype=float))


def test_bits_per_byte_are_held_to_eight_bits_over_the_same_bytes(small: Path, compare: Compare) -> None:
    bits = compare_with_trivial(compare(small)).query("metric == 'bits_per_byte' and model == 'rnn'").iloc[0]
    assert bits["difference"] == pytest.approx(bits["value"] - 8.0)
    assert bits["is_better"]


def test_an_area_over_too_few_groups_is_not_better_than_guessing(small: Path, compare: Compare) -> None:
    def sum_up_otherwise(record: dict[str, Any]) -> None:
        [exact] = [m for m in record["metrics"] if (m["metric"], m["slice"]) == ("exact_match", "all")]
        exact.update(sum_of=None, value=0.9, stderr=0.01, ci_low=0.88, ci_high=0.92)

    def lose_the_interval(record: dict[str, Any]) -> None:
        """As an eval gives its area over so few groups."""
        [exact] = [m for m in record["metrics"] if (m["metric"], m["slice"]) == ("exact_match", "all")]
        exact.update(stderr=None, ci_low=None, ci_high=None, reason="only 3 clusters: no interval, which takes 5")

    for run in small.glob("*-s0"):
        edit(run, sum_up_otherwise)
    exact = compare_with_trivial(compare(small)).query("metric == 'exact_match'")
    assert exact["is_better"].all()
    for run in small.glob("*-s0"):
        table = pd.read_parquet(run / "samples.parquet")
        chosen = table["eval"] == "arithmetic"
        table.loc[chosen, "cluster"] = [f"group-{place % 3}" for place in range(int(chosen.sum()))]
        table.to_parquet(run / "samples.parquet", index=False)
        edit(run, lose_the_interval)
    exact = compare_with_trivial(compare(small)).query("metric == 'exact_match'")
    assert list(exact["num_clusters"]) == [3] * len(exact)
    assert not exact["is_better"].any()


def add_rule(experiment: Path, value: float, formula: str | None = None) -> None:
    """A trivial answer to every run's sums."""
    about = {"metric": "always_2", "value": value, "chance": None, "higher_is_better": None, "sum_of": formula}
    about |= {"baseline_of": "exact_match", "baseline_label": "always_2", "baseline_is_trivial": True}

    def add(record: dict[str, Any]) -> None:
        [exact] = [m for m in record["metrics"] if (m["metric"], m["slice"]) == ("exact_match", "all")]
        record["metrics"].append(exact | about | {"uses_decoding": False})

    for run in experiment.glob("*-s0"):
        edit(run, add)


def test_five_of_three_hundred_right_is_not_better_than_always_the_most_frequent_answer(
    small: Path, compare: Compare
) -> None:
    """5 of 300 beside a chance of 0.6 %, where one fixed answer is right in 6 of 300."""
    add_rule(small, 6 / 300)
    for run in small.glob("*-s0"):
        path = run / "samples.parquet"
        table = pd.read_parquet(path)
        sums = table[table["eval"] == "arithmetic"].head(1)
        many = pd.concat([sums.assign(sample_id=f"p{i}", cluster=f"p{i}") for i in range(300)])
        pd.concat([table[table["eval"] != "arithmetic"], many]).to_parquet(path, index=False)
        num_right = 5 if run.name == "rnn-top_p-s0" else 0
        edit_samples(run, "arithmetic", lambda i: {"exact_match": float(i < num_right)})  # noqa: B023

        def count(record: dict[str, Any]) -> None:
            for metric in record["metrics"]:
                if metric["metric"] == "exact_match":
                    metric.update(value=num_right / 300, chance=0.006, ci_low=0.0, n=300, n_total=300)  # noqa: B023

        edit(run, count)
    comparison = compare(small)
    row = (
        compare_with_trivial(comparison)
        .query("metric == 'exact_match' and model == 'rnn' and decoding == 'top_p'")
        .iloc[0]
    )
    assert (row["trivial_answer"], row["trivial_value"]) == ("always_2", 0.02)
    assert not row["is_better"]
    said = findings(comparison, Verdicts.of(comparison))[1]
    assert "The rule “always 2” gets 2.0 %; no model is significantly better than that" in said


def test_a_rule_with_samples_of_its_own_is_paired_with_the_model(small: Path, compare: Compare) -> None:
    for run in small.glob("*-s0"):
        edit_samples(run, "arithmetic", lambda i: {"exact_match": float(i % 3 == 0), "always_2": float(i % 6 == 0)})
    add_rule(small, 5 / 30, "always_2")
    row = compare_with_trivial(compare(small)).query("metric == 'exact_match'").iloc[0]
    assert row["difference"] == pytest.approx(5 / 30)
    assert row["p_value_these_fits"] == pytest.approx(2 / 2**5, abs=0.01)  # five of five that differ are the model's


def test_a_measure_without_samples_is_held_to_chance_by_its_standard_error(small: Path, compare: Compare) -> None:
    def change(record: dict[str, Any]) -> None:
        for metric in record["metrics"]:
            if metric["metric"] == "took_its_turn":
                metric.update(value=0.7, stderr=0.1, ci_low=0.504, ci_high=0.896, chance=0.5, sum_of=None)

    for run in small.glob("*-s0"):
        edit(run, change)
    row = compare_with_trivial(compare(small)).query("metric == 'took_its_turn'").iloc[0]
    assert row["p_value"] == pytest.approx(2 * stats.t.sf(2.0, row["num_clusters"] - 1))  # of two standard errors
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((0.004, 0.396))
    assert not row["is_better"]  # corrected over eight cells
