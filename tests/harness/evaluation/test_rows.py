"""Scored samples as rows of a table, and back."""

from __future__ import annotations

import io
import math

import pandas as pd

from harness.evaluation.requests import Sample, Score
from harness.evaluation.rows import measured, measures_of, slices_of, table

SAMPLES = [
    Sample("1", "p\ud800", cluster="x", slices={"source": "chat", "size": "2"}),
    Sample("2", "q", target="é", slices={"source": "play"}),
    Sample("3", "r", slices={"source": "chat"}),
]
SCORES = [
    Score({"right": 1.0, "nats": None}, "yes", "stop", 2.5, 3, 4),
    Score({"right": 0.0}, "\udc80"),
    Score({"extra": 7}),
]
ROWS = table("mine", SAMPLES, SCORES)


def test_a_row_holds_what_sample_and_score_say_and_missing_stays_missing() -> None:
    first, second = ROWS.iloc[0], ROWS.iloc[1]
    assert (first["eval"], first["cluster"], first["nats"], first["num_tokens"]) == ("mine", "x", 2.5, 3)
    assert second["cluster"] == "2"
    assert math.isnan(second["nats"])
    assert pd.isna(second["num_bytes"])


def test_rows_survive_a_parquet_file_lone_surrogates_as_question_marks() -> None:
    again = pd.read_parquet(io.BytesIO(ROWS.to_parquet()))
    assert again.equals(ROWS)
    assert again["prompt"].tolist() == ["p?", "q", "r"]
    assert again["answer"].tolist() == ["yes", "?", ""]
    assert again["target"].tolist() == ["", "é", ""]


def test_a_measure_is_read_back_and_is_nan_where_it_is_missing_or_none() -> None:
    assert measures_of(ROWS) == ["extra", "nats", "right"]
    right = measured(ROWS, "right")
    assert right.tolist()[:2] == [1.0, 0.0]
    assert math.isnan(right[2])
    assert measured(ROWS, "nats").isna().all()


def test_slices_are_all_and_then_each_value_of_each_name() -> None:
    slices = [(name, part["sample_id"].tolist()) for name, part in slices_of(ROWS)]
    assert slices == [
        ("all", ["1", "2", "3"]),
        ("size=2", ["1"]),
        ("source=chat", ["1", "3"]),
        ("source=play", ["2"]),
    ]


def test_no_samples_make_a_table_without_rows() -> None:
    empty = table("mine", [], [])
    assert len(empty) == 0
    assert list(empty.columns) == list(ROWS.columns)
    assert measured(empty, "right").tolist() == []
    assert [name for name, _ in slices_of(empty)] == ["all"]
