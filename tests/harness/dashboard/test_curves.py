from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest
from starlette.testclient import TestClient

from harness.common.numerals import quantity
from harness.dashboard.server import app
from harness.report.comparison import Comparison
from harness.report.crossings import find_crossings
from harness.report.results import load
from tests.harness.dashboard.reading import Reader
from tests.harness.report.fake_results import copy_run


def test_each_models_last_value_is_the_mean_of_its_seeds(client: Reader, results: Path) -> None:
    last = [
        pd.read_parquet(results / "families" / f"gru-greedy-s{seed}" / "curve.parquet")[
            "validation_bits_per_byte"
        ].iloc[-1]
        for seed in range(3)
    ]
    rows = {row[0]: row for row in client.get("/curves?experiment=families").tables["lines"][1:]}
    assert rows["gru"][1:4] == ["3", f"{sum(last) / 3:.3f}", f"{min(last):.3f} to {max(last):.3f}"]
    assert rows["ngram"][1] == "3"


def test_no_point_is_left_out(client: Reader, results: Path) -> None:
    rows = client.client.get(
        "/curves?experiment=families&x=seconds&y=train_loss_nats&file=curves.csv"
    ).text.splitlines()
    expected = sum(
        len(pd.read_parquet(results / "families" / f"{name}-greedy-s{seed}" / "curve.parquet"))
        for name in ("gru", "rnn", "ngram")
        for seed in range(3)
    )
    assert len(rows) - 1 == expected


@pytest.mark.parametrize(
    "query", ["x=seconds", "x=flops&scale=linear", "x=parameters", "x_from=1e5&x_to=1e6", "y=train_loss_nats"]
)
def test_every_axis_draws_a_chart(client: Reader, query: str) -> None:
    assert '<svg class="chart"' in client.get(f"/curves?experiment=families&{query}").text


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


def test_the_ends_of_what_is_drawn_are_folded_until_one_is_given(client: Reader) -> None:
    assert '<details class="ends">' in client.get("/curves?experiment=families").text
    assert '<details class="ends" open>' in client.get("/curves?experiment=families&x_from=1e5").text


def test_a_swept_number_is_an_axis(own_results: Path) -> None:
    for order in (2, 3, 4):
        copy_run(own_results / "pair" / "gru-greedy-s0", f"order{order}", {"model.num_layers": order, "seed": 0})
    with TestClient(app(own_results), base_url="http://localhost") as opened:
        page = Reader(opened).get("/curves?x=model.num_layers")
    assert "num layers" in page.text
    assert '<svg class="chart"' in page.text
    assert page.tables["lines"][1][1] == "4"


def test_where_nothing_was_trained_the_page_says_so(client: Reader) -> None:
    assert "nothing to draw" in client.get("/curves?experiment=single&x=tokens&where=family%3Dnone").text
