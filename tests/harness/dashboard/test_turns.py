from __future__ import annotations

import re
import shutil
from pathlib import Path

from starlette.testclient import TestClient

from harness.dashboard.server import app
from tests.harness.dashboard.reading import Reader
from tests.harness.report import forecasts as made


def test_measures_are_those_of_the_overview(client: Reader) -> None:
    page = client.get("/turns?experiment=families")
    head, *rows = page.tables["measures"]
    column = next(number for number, name in enumerate(head) if name.startswith("took its turn"))
    overview = client.get("/?experiment=families").tables["summary"]
    other = next(number for number, name in enumerate(overview[0]) if name.startswith("took its turn"))
    assert [row[column] for row in rows] == [row[other] for row in overview[1:]]


def test_transcripts_are_chosen_by_any_measure(client: Reader) -> None:
    counts = []
    for value in ("yes", "no"):
        page = client.get(f"/turns?experiment=families&of=gru+greedy&is={value}")
        counts.append(re.search(r'id="count">(\d+) of (\d+)', page.text))
    assert all(counts)
    assert "Did not hand the turn back" in client.get("/turns?experiment=families&of=gru+greedy&is=no").text or counts


def test_calibration_is_drawn_where_there_are_forecasts(results: Path, tmp_path: Path) -> None:
    shutil.copytree(results / "pair", tmp_path / "results" / "pair")
    made.add(tmp_path / "results" / "pair")
    with TestClient(app(tmp_path / "results"), base_url="http://localhost") as opened:
        page = Reader(opened).get("/turns")
        assert "Does it see a rain coming?" in page.text
        assert "file=calibration.svg" in page.text
        assert opened.get("/turns?file=forecasts.csv").text.count("rain") == 2


def test_pins_limit_the_models(client: Reader) -> None:
    rows = client.get("/turns?experiment=families&pin=gru").tables["measures"][1:]
    assert {row[0] for row in rows} == {"gru"}
