from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from starlette.testclient import TestClient

from harness.dashboard.server import app
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
