"""The page: self-contained, well-formed, deaf to whatever the models wrote, and readable without seeing the plots."""

from __future__ import annotations

import re
import shutil
import unicodedata
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import pandas as pd
import pytest

from harness.report import write_report
from harness.report.palette import DARK_PALETTE, PALETTE
from harness.report.untrusted import visible
from tests.harness.report.conftest import Written
from tests.harness.report.fake_results import HOSTILE, MODELS, PROMPTS, write_fake_results

VOID = {"meta", "br", "hr", "img", "input", "link"}


class Reader(HTMLParser):
    """Checks nesting, and collects elements, attributes and text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self.written: list[str] = []
        self.depth_of_written = 0
        self.alternatives: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)
        if ("role", "img") in attrs:
            self.alternatives.append(dict(attrs)["aria-label"] or "")
        if ("class", "written") in attrs:
            self.depth_of_written = len(self.open)
            self.written.append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1] == tag, f"</{tag}> closes <{self.open[-1]}>"
        if len(self.open) == self.depth_of_written:
            self.depth_of_written = 0
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.depth_of_written:
            self.written[-1] += data


@pytest.fixture(scope="module")
def page(written: Written) -> Reader:
    return Reader(written.report.page.read_text(encoding="utf-8"))


def test_the_page_is_well_formed_and_every_link_leads_somewhere(written: Written, page: Reader) -> None:
    ids = Counter(value for _, name, value in page.attributes if name == "id")
    assert [name for name, count in ids.items() if count > 1] == []
    for _, name, value in page.attributes:
        if name in {"href", "xlink:href"}:
            if value.startswith("#"):
                assert value[1:] in ids
            else:
                assert (written.folder / unquote(value)).is_file(), value
        if name == "aria-labelledby":
            assert value in ids
        for target in re.findall(r"url\(#([^)]*)\)", value):
            assert target in ids


def test_the_page_asks_nothing_of_a_network_and_runs_no_script(page: Reader) -> None:
    assert not set(page.tags) & {"script", "iframe", "object", "embed", "link", "img", "base", "form", "audio", "video"}
    assert [name for _, name, _ in page.attributes if name.startswith("on")] == []
    urls = {value for _, name, value in page.attributes if re.search(r"(?:https?:)?//", value)}
    assert urls <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    policy = [value for tag, name, value in page.attributes if tag == "meta" and value.startswith("default-src 'none'")]
    assert len(policy) == 1


def test_hostile_text_is_shown_letter_by_letter_and_nothing_of_it_acts(written: Written, page: Reader) -> None:
    assert "script" not in page.tags
    shown = [text for text in page.written if "alert(1)" in text]
    assert len(shown) == 4  # one model, four decoding strategies
    for text in shown:
        assert text.strip() == PROMPTS["chat"].rsplit("\n", 1)[-1] + visible(HOSTILE)
    raw = written.report.page.read_text(encoding="utf-8")
    assert all(c == "\n" or unicodedata.category(c)[0] != "C" for c in raw)
    assert "<b>(learning rate" not in raw  # an error's text
    assert "{{ 7 * 7 }}" in raw


def test_every_plot_has_its_numbers_as_an_alternative_text(written: Written, page: Reader) -> None:
    assert len(page.alternatives) == page.tags["figure"] == len(list(written.folder.glob("*.svg")))
    assert all(sum(c.isdigit() for c in text) > 20 for text in page.alternatives)
    ladder = next(text for text in page.alternatives if text.startswith("Test bits per byte"))
    assert re.search(r"uniform 6\.\d+ \[6\.\d+, 6\.\d+\]; unigram 4\.", ladder)


def test_the_page_says_what_was_compared_what_was_written_and_what_went_wrong(page: Reader) -> None:
    assert len(page.written) == len(PROMPTS) * (8 * 4 - 1)  # one run failed
    for said in (
        "no text: see the runs",
        f"After “{' '.join(PROMPTS['play'].split())}”",
        "char (speaker tokens off, vocab size 117)",
        "parameters: 800k, missed by rnn +0.1 %",
        "1 of 32 runs failed; missing below: rnn, top_p, seed 0.",
        "1 more begun and not finished",
        "0123abcd-unfinished",
        "the loss became NaN at step 131",
        "no transcripts of 2 speakers",
    ):
        assert said in page.text


def test_verdicts_on_the_page_are_those_of_the_pairs(written: Written, page: Reader) -> None:
    pairs = pd.read_csv(written.folder / "pairwise.csv")
    exact = pairs[(pairs["metric"] == "exact_match") & (pairs["decoding"] == "greedy")]
    equal = exact[(exact["model_a"] == "uniform") & (exact["model_b"] == "unigram")].iloc[0]
    assert equal["difference"] == 0
    assert "equal" in page.text
    assert "not significant" in page.text
    assert not re.search(r"-0\.0*(?!\d)", page.text)  # no minus sign before nothing


def test_every_svg_is_valid_xml_that_asks_nothing_of_a_network(written: Written) -> None:
    for path in written.folder.glob("*.svg"):
        root = ElementTree.fromstring(path.read_text())
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        links = {value for element in root.iter() for name, value in element.attrib.items() if name.endswith("href")}
        assert all(link.startswith("#") for link in links)


def test_colours_in_the_page_follow_light_and_dark(written: Written) -> None:
    html = written.report.page.read_text()
    assert "prefers-color-scheme: dark" in html
    drawn = html[html.index("<main>") :]
    assert not [colour for colour in PALETTE if colour in drawn]
    assert f"--c0: {PALETTE[0]}" in html
    assert f"--c0: {DARK_PALETTE[0]}" in html


def test_a_model_named_with_dollars_and_markup_is_drawn_as_it_is_called(tmp_path: Path) -> None:
    experiment = write_fake_results(tmp_path, models=MODELS[5:7], num_documents=6, num_problems=15, mishaps=False)
    for path in experiment.glob("*/run.json"):
        path.write_text(path.read_text().replace('"name": "lstm"', '"name": "$\\\\frac{<b>\\u202e$"'))
    report = write_report(experiment)
    name = visible("$\\frac{<b>\u202e$")
    assert name in "".join(ElementTree.fromstring((report.page.parent / "ladder.svg").read_text()).itertext())
    assert name in Reader(report.page.read_text()).text


def test_replies_that_end_the_document_are_counted_apart_from_those_handed_back(written: Written, page: Reader) -> None:
    assert "handed back, %" in page.text
    assert "ended by end token, %" in page.text
    table = pd.read_csv(written.folder / "summary.csv").dropna(subset=["handed_back"])
    assert (table["ended_by_end_token"] > 0).any()
    assert (table["handed_back"] + table["ended_by_end_token"] <= 1).all()


def test_a_word_at_a_column_s_head_leads_to_what_it_means(page: Reader) -> None:
    assert "Share of the <b>sums</b> that are right." in page.text
    ids = [value for tag, name, value in page.attributes if (tag, name) == ("dt", "id")]
    heads = [value for tag, name, value in page.attributes if (tag, name, value) == ("a", "href", f"#{ids[0]}")]
    assert len(ids) == 1
    assert len(heads) == 2  # of the main table, and of all measures


def test_every_run_and_table_is_a_link_to_its_file(written: Written, page: Reader) -> None:
    links = {unquote(value) for tag, name, value in page.attributes if (tag, name) == ("a", "href")}
    assert {path.name for path in written.folder.iterdir() if path.stem in {"summary", "runs", "pairwise"}} <= links
    for run in written.experiment.glob("*/run.json"):
        assert f"../{run.parent.name}/run.json" in links
        if (run.parent / "samples.parquet").exists():
            assert f"../{run.parent.name}/samples.parquet" in links


@pytest.mark.usefixtures("no_plots")
def test_of_one_model_the_page_points_to_its_strategies(small: Path) -> None:
    for run in small.glob("rnn-*"):
        shutil.rmtree(run)
    report = write_report(small)
    assert pd.read_csv(report.page.parent / "pairwise.csv").empty
    text = " ".join(report.page.read_text().split())
    assert (
        "There is one model; its decoding strategies are compared below, and every two of them in "
        '<a href="strategies.csv">'
    ) in text


def test_a_run_s_folder_of_any_name_is_linked(small: Path) -> None:
    (small / "rnn-greedy-s0").rename(small / "a b%?#é<x>")
    links = Reader(write_report(small).page.read_text()).attributes
    [link] = [value for tag, name, value in links if (tag, name) == ("a", "href") and "x%3E/run" in value]
    assert (small / "report" / unquote(link)).is_file()
