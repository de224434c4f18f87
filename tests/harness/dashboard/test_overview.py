from __future__ import annotations

from pathlib import Path

from starlette.testclient import TestClient

from harness.dashboard.server import app
from harness.report.comparison import Comparison
from harness.report.results import load
from harness.report.stages import stage_lines, stage_rows, stages
from harness.report.summary import csv_bytes
from tests.harness.dashboard.reading import Reader
from tests.harness.report.records import SFT, edit, rloo


def test_experiments_runs_and_the_ladder_are_there(client: Reader) -> None:
    page = client.get("/")
    assert page.status == 200
    names = [row[0] for row in page.tables["table0"][1:]]
    assert set(names) == {"families", "pair", "single", "broken"}
    assert len(page.tables["runs"]) - 1 == 35
    assert [row[0] for row in page.tables["summary"][1:]] == ["rnn", "rnn", "ngram", "ngram", "gru", "gru"]
    assert 'class="chart"' in page.text


def test_the_ladder_shows_every_model_and_all_of_its_interval(client: Reader) -> None:
    page = client.client.get("/?experiment=families&file=ladder.svg").text
    assert "→" not in page.replace("(← better)", "")  # no value lies outside
    for name in ("gru", "ngram", "rnn"):
        assert f"<title>{name}: " in page
    part = client.client.get("/?experiment=families&x_from=2&x_to=2.2&file=ladder.svg").text
    assert "→" in part


def test_what_failed_says_why(client: Reader) -> None:
    page = client.get("/?experiment=families")
    assert "the loss became NaN at step 131 &lt;b&gt;" in page.text
    page = client.get("/?experiment=broken")
    assert "schema version 1" in page.text
    assert page.text.count('class="failure"') == 2


def test_a_traceback_is_shown(own_results: Path) -> None:
    from harness.runs.record import Failure, RunRecord

    run = own_results / "pair" / "gru-greedy-s0"
    record = RunRecord.read(run)
    failed = Failure("eval arithmetic", "ValueError: <img>", "Traceback:\n  <script>alert(1)</script>")
    changed = {**vars(record), "status": "partial", "error": "it failed", "errors": [failed]}
    RunRecord(**changed).write(run)
    with TestClient(app(own_results), base_url="http://localhost") as opened:
        page = Reader(opened).get("/")
    assert "&lt;script&gt;alert(1)" in page.text
    assert "<script>alert" not in page.text


def test_filters_choose_rows_and_change_no_number(client: Reader) -> None:
    whole = client.get("/?experiment=families").tables["summary"]
    page = client.get("/?experiment=families&where=family%3Dgru&where=seed%3D1")
    assert len(page.tables["runs"]) - 1 == 2
    assert page.tables["summary"][1:] == [row for row in whole[1:] if row[0] == "gru"]
    assert "Remove the filter family=gru" in page.text


def test_runs_are_grouped_by_any_setting(client: Reader) -> None:
    page = client.get("/?experiment=families&group=seed")
    assert [row[:2] for row in page.tables["groups"][1:]] == [["0", "6"], ["1", "6"], ["2", "6"], ["–", "1"]]


def test_runs_are_sorted_and_come_in_pages(client: Reader) -> None:
    rows = client.get("/?sort=run").tables["runs"][1:]
    assert [row[1] for row in rows] == sorted(row[1] for row in rows)
    assert client.get("/?page=7").status == 200
    assert client.get("/?page=-1&sort=nonsense&group=nonsense").status == 200


def test_where_there_are_no_runs_the_page_says_how_to_make_some(tmp_path: Path) -> None:
    with TestClient(app(tmp_path), base_url="http://localhost") as opened:
        assert "bakeoff compare" in Reader(opened).get("/").text
        assert "bakeoff compare" in Reader(opened).get("/samples").text


def test_an_experiment_that_is_gone_is_said(client: Reader) -> None:
    page = client.get("/?experiment=gone")
    assert page.status == 404
    assert "no experiment &#39;gone&#39;" in page.text


def test_what_stages_gained_is_shown_as_in_the_report(own_results: Path) -> None:
    for seed, after in ((0, 0.75), (1, 1.0)):
        edit(
            own_results / "pair" / f"gru-greedy-s{seed}",
            lambda record, after=after: record.update(stages=[SFT, rloo(after, 0.1)]),
        )
    [results] = load(own_results / "pair")
    comparison = Comparison(results)
    with TestClient(app(own_results), base_url="http://localhost") as opened:
        reader = Reader(opened)
        page = reader.get("/")
        others = reader.get("/?where=family%3Dlstm")
        file = opened.get("/?file=stages.csv").text
        run = reader.get("/run?run=pair/gru-greedy-s1")
    assert "+1.50 (+1.00 to +2.00)" in page.tables["stage-table"][2]
    lines = stage_lines(stage_rows(comparison))
    assert [line["gamed"] for line in lines] == ["", "gamed in 2 of 2 seeds: gold falls (0.2 to 0.1)"]
    gamed = [line.pop("gamed") for line in lines]  # is shown below the stage
    told = [{**line, "stage": line["stage"] + signs} for line, signs in zip(lines, gamed, strict=True)]
    assert page.tables["stage-table"][1:] == [list(line.values()) for line in told]
    assert "stage-table" not in others.tables
    assert file == csv_bytes(stages(comparison)).decode()
    assert run.tables["stage-table"][2][:4] == ["gru", "rloogamed: gold falls (0.2 to 0.1)", "+2.00", "-1.00"]


def test_without_stages_nothing_is_said_of_post_training(client: Reader) -> None:
    assert "stage-table" not in client.get("/?experiment=families").tables
    assert "Post-training" not in client.get("/run?run=families/gru-greedy-s1").text


def test_columns_that_are_empty_in_every_row_are_left_out(client: Reader, own_results: Path) -> None:
    heads = client.get("/").tables["table0"][0]
    assert heads[1:6] == ["runs", "complete", "failed", "unfinished", "unreadable"]  # no run is partial
    with TestClient(app(own_results), base_url="http://localhost") as opened:
        page = Reader(opened).get("/?group=seed")
    assert page.tables["table0"][0] == ["experiment", "runs", "complete", "families", "last finished, UTC"]
    assert page.tables["groups"][0][:2] == ["seed", "runs"]
    assert "with failures" not in page.tables["groups"][0]
