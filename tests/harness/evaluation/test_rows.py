"""Scored samples as rows of a table, and back; slices of whole samples, and of parts of them."""

from __future__ import annotations

import io
import math

import pandas as pd
import pytest

from harness.evaluation.requests import Sample, Score
from harness.evaluation.rows import measured, measures_of, parsed, slices_of, table
from harness.evaluation.validity import check_score

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


def test_rows_survive_a_parquet_file_lone_surrogates_as_replacement_characters() -> None:
    again = pd.read_parquet(io.BytesIO(ROWS.to_parquet()))
    assert again.equals(ROWS)
    assert again["prompt"].tolist() == ["p\ufffd\ufffd\ufffd", "q", "r"]
    assert again["answer"].tolist() == ["yes", "\ufffd\ufffd\ufffd", ""]
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


def part(nats: float, num_bytes: int, context: float) -> Score:
    return Score({"context": context}, nats=nats, num_tokens=1, num_bytes=num_bytes)


READ_SAMPLES = [Sample(f"d{place}", "a text", cluster="one play", slices={"source": "plays"}) for place in range(3)]
READ_SCORES = [
    Score({"words": 2}, nats=9.0, num_bytes=6, parts={"position": {"0-15": part(4, 1, 0), "16-31": part(5, 5, 1)}}),
    Score({"words": 2}, nats=7.0, num_bytes=6),
    Score(
        {"words": 3}, nats=8.0, num_bytes=6, parts={"position": {"0-15": part(8, 6, 2)}, "läßt": {"=@": part(1, 1, 1)}}
    ),
]


@pytest.fixture(params=["as made", "read back"])
def rows(request: pytest.FixtureRequest) -> pd.DataFrame:
    rows = table("reading", READ_SAMPLES, READ_SCORES)
    return rows if request.param == "as made" else pd.read_parquet(io.BytesIO(rows.to_parquet()))


def test_a_slice_of_parts_has_the_parts_own_numbers_as_rows(rows: pd.DataFrame) -> None:
    slices = dict(slices_of(rows))
    assert list(slices) == ["all", "läßt==@", "position=0-15", "position=16-31", "source=plays"]
    beginnings = slices["position=0-15"]
    assert beginnings["sample_id"].tolist() == ["d0", "d2"]
    assert beginnings["cluster"].tolist() == ["one play", "one play"]
    assert beginnings["nats"].tolist() == [4, 8]
    assert beginnings["num_bytes"].tolist() == [1, 6]
    assert measured(beginnings, "context").tolist() == [0, 2]
    assert measured(beginnings, "words").isna().all()  # the part doesn't have the whole sample's values
    assert slices["position=16-31"]["nats"].tolist() == [5]
    assert slices["source=plays"]["nats"].tolist() == slices["all"]["nats"].tolist() == [9, 7, 8]


def test_a_cell_without_anything_is_empty() -> None:
    assert parsed(None) == parsed(float("nan")) == parsed("{}") == {}
    assert parsed('{"a": null, "b": 1}') == {"a": None, "b": 1}


def test_a_part_with_a_number_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="the measure 'nats' is inf"):
        check_score(Score({}, parts={"position": {"0-15": Score({}, nats=float("inf"))}}))
