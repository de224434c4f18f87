from __future__ import annotations

from pathlib import Path

from harness.dashboard.index import Index
from harness.dashboard.site import Site
from harness.dashboard.tokens import token_texts
from harness.text.tokenizers.char import CharTokenizer
from tests.harness.report.records import edit


def test_a_text_is_cut_by_the_runs_own_tokenizer(own_results: Path) -> None:
    target = "harness.text.tokenizers.char.CharTokenizerSettings"
    edit(own_results / "pair" / "gru-greedy-s0", lambda record: record["tokenizer"].update(config={"_target_": target}))
    fit = own_results / "fits" / "f-gru-0"
    fit.mkdir(parents=True)
    (fit / "tokenizer.json").write_text(CharTokenizer([ord(c) for c in "abc é"]).to_json())
    site = Site(own_results)
    site.index.refresh(at_once=True)
    entry = site.run("pair/gru-greedy-s0")
    assert token_texts(site, entry, "abc é") == ["a", "b", "c", " ", "é"]


def test_foreign_code_is_not_run(own_results: Path) -> None:
    edit(
        own_results / "pair" / "gru-greedy-s0",
        lambda record: record["tokenizer"].update(config={"_target_": "os.system"}),
    )
    fit = own_results / "fits" / "f-gru-0"
    fit.mkdir(parents=True)
    (fit / "tokenizer.json").write_text("{}")
    site = Site(own_results)
    site.index.refresh(at_once=True)
    assert token_texts(site, site.run("pair/gru-greedy-s0"), "abc") is None


def test_without_the_fit_there_are_none(site: Site) -> None:
    assert isinstance(site.index, Index)
    assert token_texts(site, site.run("pair/gru-greedy-s0"), "abc") is None
