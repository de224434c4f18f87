"""Samples as arrays: their slices, what they were asked, and how a measure follows from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.evaluation.rows import TOTALS
from harness.report import write_report
from harness.report.samples import SampleTable, sample_tables
from tests.harness.report.forecasts import add


def test_samples_that_are_asked_something_else_count_in_no_total(small: Path, no_plots: None) -> None:
    before = pd.read_csv(write_report(small).page.parent / "pairwise.csv")
    add(small)
    after = pd.read_csv(write_report(small).page.parent / "pairwise.csv")
    assert after.equals(before)
    of_turns = after[after["metric"] == "took_its_turn"]
    assert (of_turns["n_total"] == 60).all()


def table(rows: list[dict[str, Any]]) -> SampleTable:
    """Samples of one eval as they are read from a run's file; what a row does not say is missing."""
    empty = {"eval": "riddles", "cluster": None, "values": "{}", "slices": "{}", "parts": "{}"} | dict.fromkeys(TOTALS)
    return sample_tables(pd.DataFrame([empty | row for row in rows]))["riddles"]


def measured(samples: SampleTable, measure: str) -> list[float]:
    return samples.values[measure].tolist()  # noqa: PD011


RIDDLES = [
    {"sample_id": "a", "cluster": "x", "values": '{"solved": true, "words": 3}', "slices": '{"colour": "red"}'},
    {"sample_id": "b", "cluster": "x", "values": '{"solved": null}', "slices": '{"colour": "blue"}'},
    {"sample_id": "c", "values": '{"rain": 0.25}', "slices": "{}"},
    {"sample_id": "d", "values": '{"solved": 0, "words": 5}', "slices": '{"colour": "red"}'},
]


def test_measures_are_columns_with_nothing_where_nothing_was_measured() -> None:
    riddles = table(RIDDLES)
    np.testing.assert_array_equal(measured(riddles, "solved"), [1.0, np.nan, np.nan, 0.0])
    np.testing.assert_array_equal(measured(riddles, "words"), [3.0, np.nan, np.nan, 5.0])
    assert riddles.clusters == ("x", "x", "c", "d")  # a sample without a cluster is one of its own


def test_a_sample_that_was_asked_counts_even_where_it_has_no_value() -> None:
    riddles = table(RIDDLES)
    assert riddles.asked_for("solved").ids == ("a", "b", "d")
    assert riddles.asked_for("rain").ids == ("c",)
    assert riddles.asked_for("bits_per_byte").ids == ("a", "b", "c", "d")


def test_a_slice_holds_the_samples_that_say_they_belong_to_it() -> None:
    red = table(RIDDLES).part("colour=red")
    assert red is not None
    assert red.ids == ("a", "d")
    np.testing.assert_array_equal(measured(red, "words"), [3.0, 5.0])
    assert table(RIDDLES).part("colour=green") is None
    assert table(RIDDLES).part("shape=red") is None


def test_samples_are_taken_in_the_order_that_is_asked_for() -> None:
    taken = table(RIDDLES).take(("d", "a"))
    assert (taken.ids, taken.clusters) == (("d", "a"), ("d", "x"))
    np.testing.assert_array_equal(measured(taken, "solved"), [0.0, 1.0])


def test_an_eval_whose_sample_ids_repeat_has_no_samples_to_pair() -> None:
    with pytest.raises(KeyError, match="riddles"):
        table([*RIDDLES, RIDDLES[0]])
