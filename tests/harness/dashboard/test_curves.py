from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from starlette.testclient import TestClient

from harness.dashboard.server import app
from tests.harness.dashboard.reading import Reader
from tests.harness.report.fake_results import copy_run
from tests.harness.report.records import SFT, edit, rloo


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


@pytest.fixture
def tuned(own_results: Path) -> Iterator[Reader]:
    """Reads pages of an experiment whose first two fits of a GRU are post-trained."""
    for seed in (0, 1):
        run = own_results / "pair" / f"gru-greedy-s{seed}"
        edit(run, lambda record: record.update(stages=[SFT, rloo(1.0, 0.1)]))
        curve = pd.DataFrame(
            {
                "tokens": [100.0, 200.0, 300.0],
                "train_loss_nats": [-0.5, 0.25, 0.5],
                "validation_bits_per_byte": [math.nan, math.nan, 2.0],
                "kl_nats": [0.0, 1.0, 0.5],
                "reward": [0.0, 0.25 + seed, -0.5],
            }
        )
        curve.to_parquet(run / "curve.parquet")
    with TestClient(app(own_results), base_url="http://localhost") as opened:
        yield Reader(opened)


def test_what_stages_say_of_replies_is_drawn_where_curves_have_it(tuned: Reader, client: Reader) -> None:
    page = tuned.get("/curves?y=reward")
    options = re.findall(r'<option value="(\w+)"', page.text.partition('<select id="y"')[2].partition("</select>")[0])
    assert options == ["validation_bits_per_byte", "train_loss_nats", "reward", "kl_nats"]
    assert page.tables["lines"][1:] == [["gru", "2", "-0.500", "-0.500 to -0.500", "300"]]
    assert "The mean reward of a step" in page.text
    assert "the curve is that of its last stage" in page.text
    assert "that lies lower" not in page.text
    plain = client.get("/curves?experiment=families")
    assert 'value="reward"' not in plain.text
    assert 'value="kl_nats"' not in plain.text
    assert "last stage" not in plain.text
    assert "that lies lower" in plain.text


def test_values_that_are_not_above_0_are_drawn_too(tuned: Reader) -> None:
    rows = tuned.client.get("/curves?y=train_loss_nats&where=family%3Dgru&file=curves.csv").text.splitlines()
    assert len(rows) - 1 == 6
    svg = tuned.client.get("/curves?y=train_loss_nats&where=family%3Dgru&file=curves.svg").text
    assert "-0.5" in svg


def test_rewards_are_drawn_along_the_movement(tuned: Reader) -> None:
    page = tuned.get("/curves?x=kl_nats&y=reward")
    assert page.tables["lines"][1:] == [["gru", "2", "0.750", "0.250 to 1.250", "1"]]  # where it has moved farthest
    rows = tuned.client.get("/curves?x=kl_nats&y=reward&file=curves.csv").text.splitlines()
    assert rows[1:4] == ["gru,0,0,0", "gru,0,0.5,-0.5", "gru,0,1,0.25"]
    assert tuned.get("/curves?x=kl_nats").status == 200  # bits per byte
    assert "nothing to draw" in tuned.get("/curves?x=kl_nats&where=family%3Dlstm").text
