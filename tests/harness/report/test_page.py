"""The page: self-contained, well-formed, deaf to whatever the models wrote, and readable without seeing the plots."""

from __future__ import annotations

import ast
import itertools
import re
import unicodedata
from collections import Counter
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import harness.report
from harness.report import write_report
from harness.report.plots.style import DARK_PALETTE, MARKERS, PALETTE, looks, spread
from harness.report.untrusted import visible
from harness.report.wording import quantity
from tests.harness.report.conftest import Written
from tests.harness.report.fake_results import HOSTILE, MODELS, PROMPTS, write_fake_results

VOID = {"meta", "br", "hr", "img", "input", "link"}
REPORT_SOURCES = sorted(Path(harness.report.__file__).parent.glob("*.py"))


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


def test_the_page_is_well_formed_and_its_ids_are_unique(page: Reader) -> None:
    ids = Counter(value for _, name, value in page.attributes if name == "id")
    assert [name for name, count in ids.items() if count > 1] == []
    for _, name, value in page.attributes:
        if name in {"href", "xlink:href"}:
            assert value.startswith("#")
            assert value[1:] in ids
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


def test_every_prompt_has_a_text_of_every_model_under_every_decoding_from_gibberish_upward(page: Reader) -> None:
    assert len(page.written) == len(PROMPTS) * (8 * 4 - 1)  # one run failed
    assert "no text: see the runs" in page.text
    for prompt in PROMPTS.values():
        assert f"After “{' '.join(prompt.split())}”" in page.text


def test_long_texts_are_cut_behind_a_click_and_huge_ones_are_cut_with_a_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.report.draw_all", lambda comparison: [])
    experiment = write_fake_results(tmp_path, num_documents=6, num_problems=15, mishaps=False)
    path = experiment / "lstm-greedy-s0" / "samples.parquet"
    table = pd.read_parquet(path)
    table.loc[(table["eval"] == "showcase") & (table["sample_id"] == "play"), "answer"] = "long " * 10_000
    table.to_parquet(path)
    reader = Reader(write_report(experiment).page.read_text())
    assert "19,820 more characters" in reader.text
    assert "30,000 more characters are not in this page" in reader.text
    assert reader.text.count("long ") <= 4_001


def test_every_plot_has_its_numbers_as_an_alternative_text(written: Written, page: Reader) -> None:
    assert len(page.alternatives) == page.tags["figure"] == len(list(written.folder.glob("*.svg")))
    assert all(sum(c.isdigit() for c in text) > 20 for text in page.alternatives)
    ladder = next(text for text in page.alternatives if text.startswith("Test bits per byte"))
    assert re.search(r"uniform 6\.\d+ \[6\.\d+, 6\.\d+\]; unigram 4\.", ladder)


def test_the_page_says_what_was_compared_and_how_well_it_was_matched(page: Reader) -> None:
    for said in (
        "mixture: 18.4 MB training",
        "test problems seen in training: 0",
        "char (speaker tokens off, vocab size 117)",
        "training seconds: at most 60, spent 0.01 to 60",
        "parameters: 800k, missed by rnn +0.1 %, transformer +0.2 %, gru +0.5 %, lstm -0.2 %",
        "no width to solve for: uniform, unigram, bigram, ngram",
        "training tokens (2.7M to 18.4M)",
        "cpu, 2 threads",
        "torch 2.13.0",
        "1 of 32 runs failed; missing below: rnn, top_p, seed 0.",
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
    assert "not told apart" in page.text
    assert "-0.0" not in page.text


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


@pytest.mark.parametrize(
    ("palette", "ground"), [(PALETTE, "#fffffe"), (DARK_PALETTE, "#15171b")], ids=["light", "dark"]
)
def test_every_colour_stands_out_from_its_ground(palette: tuple[str, ...], ground: str) -> None:
    def luminance(colour: str) -> float:  # WCAG 2.1
        parts = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    for colour in palette:
        lighter, darker = sorted((luminance(colour), luminance(ground)), reverse=True)
        assert (lighter + 0.05) / (darker + 0.05) >= 3.0, colour


def test_names_keep_their_colour_and_marker_and_many_names_stay_apart() -> None:
    names = [f"model {i}" for i in range(40)]
    assert looks(names) == looks(names[::-1])
    assert len({(look.colour, look.marker) for look in looks(names).values()}) == 40
    assert len(MARKERS) == len(PALETTE)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_labels_are_spread_in_their_order_without_overlap(wanted: list[float]) -> None:
    gap = 0.05
    places = spread(wanted, gap, 0.0, 1.0)
    order = np.argsort(wanted, kind="stable")
    ordered = [places[i] for i in order]
    assert all(b - a >= gap - 1e-9 for a, b in itertools.pairwise(ordered))
    assert min(places) >= -1e-9
    assert max(places) <= 1 + 1e-9


def test_labels_that_do_not_collide_stay_where_they_are() -> None:
    assert spread([0.9, 0.1, 0.5], 0.05, 0.0, 1.0) == [0.9, 0.1, 0.5]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.0521, "0.0521"), (117, "117"), (999.7, "1k"), (801_024, "801k"), (2.7e6, "2.7M"), (1.38e13, "13.8T")],
)
def test_quantities_are_said_in_three_digits(value: float, text: str) -> None:
    assert quantity(value) == text


def test_a_model_named_with_dollars_and_markup_is_drawn_as_it_is_called(tmp_path: Path) -> None:
    experiment = write_fake_results(tmp_path, models=MODELS[5:7], num_documents=6, num_problems=15, mishaps=False)
    for path in experiment.glob("*/run.json"):
        path.write_text(path.read_text().replace('"name": "lstm"', '"name": "$\\\\frac{<b>\\u202e$"'))
    report = write_report(experiment)
    name = visible("$\\frac{<b>\u202e$")
    assert name in "".join(ElementTree.fromstring((report.page.parent / "ladder.svg").read_text()).itertext())
    assert name in Reader(report.page.read_text()).text


def test_the_report_names_no_family_eval_or_strategy_and_imports_no_torch_hydra_or_wandb() -> None:
    named = re.compile(
        r"\b(uniform|unigram|bigram|ngram|rnn|gru|lstm|transformer|perplexity|arithmetic|turn_taking|greedy|top_k|top_p)\b"
    )
    for path in [*REPORT_SOURCES, Path(harness.report.__file__).with_name("template.html")]:
        assert not named.search(path.read_text()), path
    for path in REPORT_SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {module.split(".")[0] for module in modules} & {"torch", "hydra", "omegaconf", "wandb", "models"}


def test_the_template_lies_in_the_package() -> None:
    assert resources.files("harness.report").joinpath("template.html").is_file()
