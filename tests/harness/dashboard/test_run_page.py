from __future__ import annotations

from tests.harness.dashboard.reading import Reader


def test_a_run_shows_everything_that_its_record_says(client: Reader) -> None:
    page = client.get("/run?run=families/gru-greedy-s1")
    assert page.status == 200
    table = page.tables["table0"]
    assert table[1][:3] == ["bits per byte", "perplexity", "all"]
    assert "model.d_model" in page.text


def test_a_run_that_failed_or_cannot_be_read_says_why(client: Reader) -> None:
    assert "the loss became NaN" in client.get("/run?run=families/rnn-top_p-s0").text
    assert "schema version 1" in client.get("/run?run=broken/older").text
    assert "has no record yet" in client.get("/run?run=families/0123abcd-unfinished").text


def test_settings_are_written_as_a_user_writes_them(client: Reader) -> None:
    page = client.get("/run?run=families/gru-greedy-s0").text
    assert "<dd>null</dd>" in page
    assert "<dd>None</dd>" not in page


def test_a_run_that_is_gone_is_said(client: Reader) -> None:
    page = client.get("/run?run=families/none")
    assert page.status == 404
    assert "may have been removed" in page.text
