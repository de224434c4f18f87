"""Rows of scored samples: slices of whole samples, and of parts of them."""

from __future__ import annotations

import io

import pandas as pd
import pytest

from harness.evaluation.requests import Sample, Score
from harness.evaluation.rows import measured, parsed, slices_of, table
from harness.evaluation.validity import check_score


def part(nats: float, num_bytes: int, context: float) -> Score:
    return Score({"context": context}, nats=nats, num_tokens=1, num_bytes=num_bytes)


SAMPLES = [Sample(f"d{place}", "a text", cluster="one play", slices={"source": "plays"}) for place in range(3)]
SCORES = [
    Score({"words": 2}, nats=9.0, num_bytes=6, parts={"position": {"0-15": part(4, 1, 0), "16-31": part(5, 5, 1)}}),
    Score({"words": 2}, nats=7.0, num_bytes=6),
    Score(
        {"words": 3}, nats=8.0, num_bytes=6, parts={"position": {"0-15": part(8, 6, 2)}, "läßt": {"=@": part(1, 1, 1)}}
    ),
]


@pytest.fixture(params=["as made", "read back"])
def rows(request: pytest.FixtureRequest) -> pd.DataFrame:
    made = table("reading", SAMPLES, SCORES)
    return made if request.param == "as made" else pd.read_parquet(io.BytesIO(made.to_parquet()))


def test_a_slice_of_parts_has_the_parts_own_numbers_as_rows(rows: pd.DataFrame) -> None:
    slices = dict(slices_of(rows))
    assert list(slices) == ["all", "läßt==@", "position=0-15", "position=16-31", "source=plays"]
    beginnings = slices["position=0-15"]
    assert beginnings["sample_id"].tolist() == ["d0", "d2"]
    assert beginnings["cluster"].tolist() == ["one play", "one play"]
    assert beginnings["nats"].tolist() == [4, 8]
    assert beginnings["num_bytes"].tolist() == [1, 6]
    assert measured(beginnings, "context").tolist() == [0, 2]
    assert measured(beginnings, "words").isna().all()  # the whole sample's are not the part's
    assert slices["position=16-31"]["nats"].tolist() == [5]
    assert slices["source=plays"]["nats"].tolist() == slices["all"]["nats"].tolist() == [9, 7, 8]


def test_a_cell_without_anything_is_empty() -> None:
    assert parsed(None) == parsed(float("nan")) == parsed("{}") == {}
    assert parsed('{"a": null, "b": 1}') == {"a": None, "b": 1}


def test_a_part_with_a_number_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="the measure 'nats' is inf"):
        check_score(Score({}, parts={"position": {"0-15": Score({}, nats=float("inf"))}}))
