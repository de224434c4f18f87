from __future__ import annotations

import pandas as pd
import pytest
from starlette.testclient import TestClient

from harness.common.numerals import interval, number
from harness.dashboard.server import app
from harness.dashboard.site import Site
from harness.report import write_report
from tests.harness.dashboard.conftest import EXPERIMENTS
from tests.harness.dashboard.reading import Reader, Tables
from tests.harness.report.records import edit

REST = {"perplexity.bits_per_byte", "arithmetic.exact_match", "turn_taking.took_its_turn"}


def cells(table: list[list[str]]) -> dict[tuple[str, str, str], str]:
    """By model, decoding strategy and head."""
    head, *rows = table
    model, decoding = head.index("model"), head.index("decoding")
    return {(row[model], row[decoding], name): cell for row in rows for name, cell in zip(head, row, strict=True)}


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_cell_is_that_of_the_report(  # type: ignore[no-untyped-def]
    client: Reader, site: Site, experiment: str, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.report.draw_all", lambda comparison, verdicts: [])
    written = write_report(site.index.results / experiment, out=tmp_path)
    summary = [[cell.replace("µ", "µ") for cell in row] for row in written.table.astype(str).to_numpy().tolist()]
    shown = client.get(f"/?experiment={experiment}").tables["summary"]
    assert [row[:5] for row in shown[1:]] == [row[:5] for row in summary]
    page = Tables()
    page.feed(written.page.read_text(encoding="utf-8"))
    main, *others = [cells(table) for table in page.tables.values() if "decoding" in table[0]]
    assert {key: cells(shown)[key] for key in main} == main
    everything = {key: cell for table in others for key, cell in table.items()}
    turns = cells(client.get(f"/turns?experiment={experiment}").tables["measures"])
    assert len(turns) > 5
    assert {key: everything[key] for key in turns} == turns
    pairs = pd.read_csv(tmp_path / "pairwise.csv")
    num_compared = 0
    for baseline in pairs["model_b"].unique():
        for measure in REST:
            for decoding in ("greedy", "top_p"):
                address = f"/compare?experiment={experiment}&base={baseline}&measure={measure}&decoding={decoding}"
                rows = {row[0]: row for row in client.get(address).tables["differences"][1:]}
                of_page = pairs[
                    (pairs["eval"] + "." + pairs["metric"]).eq(measure) & pairs["decoding"].isin([decoding, "any"])
                ]
                for pair in of_page[of_page["model_b"] == baseline].to_dict("records"):
                    row = rows[pair["model_a"]]
                    text = f"{number(pair['difference'], pair['unit'])} "
                    ends = [None if pd.isna(pair[end]) else pair[end] for end in ("ci_low", "ci_high")]
                    assert row[2].removeprefix("+") == (text + interval(*ends, pair["unit"])).rstrip()
                    p = pair["p_corrected"]
                    assert row[3] == ("–" if pd.isna(p) else "< 0.001" if p < 0.001 else f"{p:.3f}")
                    num_compared += 1
    assert num_compared >= 3


def test_pins_limit_what_is_shown_and_change_no_number(client: Reader) -> None:
    whole = {row[0]: row for row in client.get("/compare?experiment=families&base=gru").tables["differences"][1:]}
    page = client.get("/compare?experiment=families&base=gru&pin=rnn")
    assert page.tables["differences"][1:] == [whole["rnn"]]
    assert [row[0] for row in page.tables["matrix"][1:]] == ["gru", "rnn"]


def test_only_settings_that_differ_are_shown(client: Reader) -> None:
    few = client.get("/compare?experiment=families&base=gru&pin=ngram").tables["settings"][1:]
    every = client.get("/compare?experiment=families&base=gru&pin=ngram&settings=all").tables["settings"][1:]
    assert all(row[1] != row[2] for row in few)
    assert 0 < len(few) < len(every)
    assert ["model.num_layers", "1", "–"] in few


def test_slices_of_a_pair_the_surest_first(client: Reader) -> None:
    page = client.get("/compare?experiment=families&base=ngram&slices=gru")
    rows = page.tables["slices"][1:]
    assert {"source=chat", "digits=1", "operation=+"} <= {row[0] for row in rows}
    assert "position=0-15" in {row[0] for row in rows}


def test_other_data_is_refused_with_its_fingerprint(own_results) -> None:  # type: ignore[no-untyped-def]
    for run in (own_results / "pair").glob("gru-*"):
        edit(run, lambda record: record["data"].update(fingerprint="ef" * 32))
    with TestClient(app(own_results), base_url="http://localhost") as opened:
        page = Reader(opened).get("/compare?base=lstm")
        assert "gru is not compared with lstm" in page.text
        assert "fingerprint efefefefefef against cdcdcdcdcdcd" in page.text
        samples = Reader(opened).get("/samples?a=pair/gru-greedy-s0&b=pair/lstm-greedy-s0")
        assert "different data" in samples.text
        assert "efefefefefef" in samples.text


def test_where_nothing_matches_the_page_says_so(client: Reader) -> None:
    assert "nothing to compare" in client.get("/compare?experiment=families&where=family%3Dnone").text
