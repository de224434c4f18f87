"""An eval's scored rows are the same after writing and reading."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from harness.evaluation.requests import Sample, Score
from harness.evaluation.rows import table
from harness.evaluation.scored import Scored


@pytest.mark.parametrize("seen_in_training", [None, 0, 3])
def test_rows_and_what_is_known_of_all_of_them_are_read_back(tmp_path: Path, seen_in_training: int | None) -> None:
    rows = table("sums", [Sample("a", "1+1=", "2")], [Score({"right": True}, "2", num_tokens=1)])
    Scored(rows, seen_in_training).write(tmp_path / "scores" / "x.parquet")
    again = Scored.read(tmp_path / "scores" / "x.parquet")
    pd.testing.assert_frame_equal(again.rows, rows)
    assert again.seen_in_training == seen_in_training
    assert rows.attrs == again.rows.attrs == {}
