from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
from starlette.testclient import TestClient

from harness.common.numerals import quantity
from harness.dashboard.server import app
from harness.report.comparison import Comparison
from harness.report.crossings import find_crossings
from harness.report.results import load
from tests.harness.dashboard.reading import Reader


def test_crossings_are_those_of_the_report(results: Path, tmp_path: Path) -> None:
    shutil.copytree(results / "families", tmp_path / "families")
    for path in tmp_path.glob("families/gru-*/curve.parquet"):  # worse at first, better later
        curve = pd.read_parquet(path)
        curve["validation_bits_per_byte"] += 1.5 * (1 - curve["tokens"] / curve["tokens"].max())
        curve.to_parquet(path, index=False)
    with TestClient(app(tmp_path), base_url="http://localhost") as opened:
        page = Reader(opened).get("/curves")
    [everything] = load(tmp_path, whole=True)
    [row] = find_crossings(Comparison(everything)).to_dict("records")
    at, low, high = (quantity(row[name]) for name in ("crossing", "ci_low", "ci_high"))
    assert page.tables["crossings"][1:] == [["rnn", "gru", f"{at} [{low}, {high}]"]]
    assert "[95 % interval]" in page.tables["crossings"][0][2]


def test_pairs_that_do_not_cross_are_counted(client: Reader) -> None:
    assert "do not cross in the range measured: 1;" in client.get("/curves?experiment=families").text
    assert "Where lines cross" not in client.get("/curves?experiment=pair").text  # of two seeds nothing is said
