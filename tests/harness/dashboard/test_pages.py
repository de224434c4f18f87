from __future__ import annotations

import io
from urllib.parse import quote

import pandas as pd
import pyarrow.parquet
import pytest
from PIL import Image

from harness.dashboard.pages import VIEWS
from tests.harness.dashboard.reading import Reader

FILES = {
    "/": ["runs.csv", "summary.parquet", "ladder.svg", "ladder.png"],
    "/curves": ["curves.csv", "curves.svg"],
    "/compare": ["differences.csv", "pairs.parquet", "settings.csv", "forest.svg", "cost.svg", "parallel.png"],
    "/samples": ["samples.csv", "samples.parquet"],
    "/turns": ["measures.csv", "handed_back.svg"],
    "/run?run=families/gru-greedy-s0": ["metrics.csv"],
}


@pytest.mark.parametrize(("view", "name"), [(view, name) for view, names in FILES.items() for name in names])
def test_every_view_gives_its_files(client: Reader, view: str, name: str) -> None:
    answer = client.client.get(f"{view}{'&' if '?' in view else '?'}file={name}")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
    kind = name.rpartition(".")[2]
    if kind == "csv":
        assert len(pd.read_csv(io.BytesIO(answer.content)))
    elif kind == "parquet":
        assert len(pd.read_parquet(io.BytesIO(answer.content)))
        metadata = pyarrow.parquet.read_schema(io.BytesIO(answer.content)).metadata
        assert metadata[b"bakeoff_view"].decode().startswith(view.partition("?")[0])
    elif kind == "png":
        assert Image.open(io.BytesIO(answer.content)).size[0] >= 900
    else:
        assert answer.content.startswith(b"<svg")
        assert b"<desc>" in answer.content


def test_a_file_says_what_address_it_is_of(client: Reader) -> None:
    address = "/compare?experiment=families&measure=arithmetic.exact_match"
    answer = client.client.get(f"{address}&file=forest.svg")
    assert quote("arithmetic.exact_match") in answer.text


@pytest.mark.parametrize("view", list(VIEWS))
def test_a_file_that_a_view_does_not_have_is_refused(client: Reader, view: str) -> None:
    answer = client.client.get(f"{view}?file=../run.json")
    assert answer.status_code == 404
    assert "It has:" in answer.text


def test_a_csv_holds_no_formula(client: Reader) -> None:
    text = client.client.get("/samples?experiment=families&eval=arithmetic&file=samples.csv").text
    assert not [cell for line in text.splitlines() for cell in line.split(",") if cell[:1] in "=+@" and len(cell) > 1]
