from __future__ import annotations

import json
import math
import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pandas as pd
import pytest
from starlette.testclient import TestClient

from harness.dashboard.samples import LOOKED_INTO, value_text
from harness.dashboard.server import app
from tests.harness.dashboard.reading import Reader
from tests.harness.report.records import edit

PAIR = "/samples?experiment=families&a=families/gru-greedy-s0&b=families/ngram-greedy-s0&eval=arithmetic"


def right(results: Path, run: str) -> dict[str, bool]:
    rows = pd.read_parquet(results / run / "samples.parquet")
    rows = rows[rows["eval"] == "arithmetic"]
    return {i: json.loads(cell)["exact_match"] for i, cell in zip(rows["sample_id"], rows["values"], strict=True)}


def test_the_four_siblings_add_up(client: Reader, results: Path) -> None:
    one, other = (right(results, f"families/{name}-greedy-s0") for name in ("gru", "ngram"))
    expected = [[sum(one[i] == a and other[i] == b for i in one) for b in (True, False)] for a in (True, False)]
    page = client.get(PAIR)
    assert [[int(cell) for cell in row[1:]] for row in page.tables["square"][1:]] == expected
    page = client.get(f"{PAIR}&kind=a")
    assert re.search(rf"{expected[0][1]} samples?", page.text)
    assert page.text.count('<li class="card">') == min(20, expected[0][1])


def test_search_order_slice_and_download(client: Reader) -> None:
    assert "0 samples" in client.get(f"{PAIR}&find=no+such+text").text
    some = client.client.get(f"{PAIR}&slice=operation%3D%2B&file=samples.csv").text
    assert 0 < some.count("Question") < 30
    for order in ("a", "b", "low"):
        assert client.get(f"{PAIR}&order={order}").status == 200


def test_a_rectangle_of_the_scatter_is_listed(client: Reader) -> None:
    address = PAIR.replace("arithmetic", "perplexity")
    page = client.get(address)
    assert "scatter" in page.text
    assert "12 samples" in page.text
    low = client.get(f"{address}&x_to=2.2")
    assert 0 < int(re.search(r'id="count">(\d+) sample', low.text)[1]) < 12  # type: ignore[index]


def test_one_sample_across_all_models(client: Reader) -> None:
    page = client.get(f"{PAIR}&sample=p1")
    assert "Question:" in page.text
    assert 'What<span class="blank">·</span>is' in page.text.replace("\n", "")
    assert page.text.count('<li class="card">') >= 5
    assert "can't be read" in client.get(f"{PAIR}&sample=p1&tokens=yes").text


def test_hostile_text_is_text(client: Reader) -> None:
    for address in (PAIR, f"{PAIR}&sample=p0", f"{PAIR}&find=script", "/turns?experiment=families&is=no"):
        text = client.get(address).text
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert "\u202e" not in text
        assert "\x1b" not in text
        assert "\x00" not in text
        assert "\u200b" not in text


def test_a_megabyte_without_a_space_is_cut_and_can_be_shown(own_results: Path) -> None:
    path = own_results / "pair" / "gru-greedy-s0" / "samples.parquet"
    rows = pd.read_parquet(path)
    rows.loc[rows["sample_id"] == "p0", "answer"] = "x" * 1_000_000
    rows.to_parquet(path)
    with TestClient(app(own_results), base_url="http://localhost") as opened:
        reader = Reader(opened)
        one = "/samples?eval=arithmetic&a=pair/gru-greedy-s0&b=pair/lstm-greedy-s0"
        assert len(reader.get(one).text) < 100_000
        assert len(reader.get(f"{one}&sample=p0").text) < 200_000
        assert "980,000 more characters" in reader.get(f"{one}&sample=p0").text
        assert "x" * 1_000_000 in reader.get(f"{one}&sample=p0&all=yes").text


def test_runs_without_samples_say_so(client: Reader) -> None:
    page = client.get("/samples?experiment=families&a=families/rnn-top_p-s0")
    assert "has no samples" in page.text
    page = client.get("/samples?experiment=families&a=families/0123abcd-unfinished")
    assert page.status == 404
    assert "unfinished" in page.text


@pytest.mark.parametrize("failed", ["gru", "lstm"])
def test_a_model_of_which_all_runs_failed_is_not_shown_first(own_results: Path, failed: str) -> None:
    for run in (own_results / "pair").glob(f"{failed}-*"):
        edit(run, lambda record: record.update(status="failed", metrics=[]))
        (run / "samples.parquet").unlink()
    with TestClient(app(own_results), base_url="http://localhost") as opened:
        reader = Reader(opened)
        assert "has no samples" not in reader.get("/samples?experiment=pair").text
        assert f"{failed}-greedy-s0 has no samples" in reader.get(f"/samples?experiment=pair&model_a={failed}").text


def test_an_answer_leads_to_what_its_model_expects_at_each_token(client: Reader) -> None:
    page = client.get(f"{PAIR}&sample=p0")
    assert "not of each token" in page.text
    texts = [parse_qs(urlsplit(link).query) for link in page.links if link.startswith("/inside?a=")]
    assert len(texts) == page.text.count("look inside</a>") > 2
    assert all(len(text["text"][0]) <= LOOKED_INTO and "/" in text["a"][0] for text in texts)


def test_values_in_words() -> None:
    assert [value_text(value, "share", True) for value in (1.0, 0.0, math.nan, None)] == ["yes", "no", "–", "–"]
    assert value_text(0.5, "share", False) == "50.0 %"
