"""Text that models wrote: visible, harmless, and not lost, in every kind of file."""

from __future__ import annotations

import csv
import io
import re
import unicodedata

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.report.summary import csv_bytes, latex_table, markdown_table
from harness.report.untrusted import latex_cell, markdown_cell, pieces, spreadsheet_cell, visible
from tests.harness.report.fake_results import HOSTILE

CELL_TEXT = st.text(st.characters(codec="utf-8"), max_size=60)  # what a data frame can hold


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text\nwith a line", "plain text\nwith a line"),
        ("naïve Ελλάδα 日本語 עברית 🙂", "naïve Ελλάδα 日本語 עברית 🙂"),
        ("a\x00b\x1b[31m\x7f", "a⟨U+0000⟩b⟨U+001B⟩[31m⟨U+007F⟩"),
        ("\u202egnp.exe\u202c", "⟨U+202E⟩gnp.exe⟨U+202C⟩"),
        ("\u2066x\u2069 \u061c\u200e\u200f", "⟨U+2066⟩x⟨U+2069⟩ ⟨U+061C⟩⟨U+200E⟩⟨U+200F⟩"),
        ("zero\u200bwidth\ufeff\u2060\u00ad", "zero⟨U+200B⟩width⟨U+FEFF⟩⟨U+2060⟩⟨U+00AD⟩"),
        ("tab\tcr\rline\u2028par\u2029", "tab⟨U+0009⟩cr⟨U+000D⟩line⟨U+2028⟩par⟨U+2029⟩"),
        ("no-break\u00a0space\u3000wide", "no-break⟨U+00A0⟩space⟨U+3000⟩wide"),
        ("fillers\u3164\u115f\u2800", "fillers⟨U+3164⟩⟨U+115F⟩⟨U+2800⟩"),
        ("\ud800 lone", "⟨U+D800⟩ lone"),
        ("tags \U000e0041", "tags ⟨U+E0041⟩"),
        ("é e\u0301", "é e\u0301"),
        ("z" + "\u0336" * 5, "z" + "\u0336" * 3 + "⟨U+0336⟩⟨U+0336⟩"),
    ],
)
def test_characters_that_act_or_hide_become_marks_and_others_stay(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_a_mark_says_the_characters_name() -> None:
    marks = [piece for piece in pieces("a\u202eb\x00") if piece.name]
    assert [mark.name for mark in marks] == ["RIGHT-TO-LEFT OVERRIDE", "control character 0x00"]


@settings(max_examples=100)
@given(st.text(st.characters(exclude_categories=()), max_size=60))
def test_nothing_invisible_is_left_and_nothing_visible_is_lost(text: str) -> None:
    shown = visible(text)
    assert all(c == "\n" or unicodedata.category(c)[0] != "C" for c in shown)
    back = re.sub(r"⟨U\+([0-9A-F]{4,6})⟩", lambda match: chr(int(match[1], 16)), shown)
    assert back == re.sub(r"⟨U\+([0-9A-F]{4,6})⟩", lambda match: chr(int(match[1], 16)), text)
    shown.encode("utf-8")


@pytest.mark.parametrize(
    "formula",
    ["=cmd()|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", " =1", "\n@x", "＝1"],
)
def test_no_spreadsheet_takes_a_text_for_a_formula(formula: str) -> None:
    written = csv_bytes(pd.DataFrame({"text": [formula, "plain"], "number": [-1.5, 2.0]})).decode()
    rows = list(csv.reader(io.StringIO(written)))
    assert rows[1][0].startswith("'")
    assert rows[1][1] == "-1.5"
    assert rows[2][0] == "plain"


def test_ordinary_text_stays_as_it_is_in_a_spreadsheet() -> None:
    assert spreadsheet_cell("operation=+") == "operation=+"


@settings(max_examples=100)
@given(st.lists(st.lists(CELL_TEXT | st.just(HOSTILE), min_size=2, max_size=2), min_size=1, max_size=3))
def test_a_markdown_table_keeps_its_shape_and_holds_no_markup(rows: list[list[str]]) -> None:
    lines = markdown_table(pd.DataFrame(rows, columns=["a", "b"])).splitlines()
    assert len(lines) == 2 + len(rows)
    for line in lines[2:]:
        assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) == 3
        assert "<" not in line
        assert not re.search(r"(?<!\\)(?:\\\\)*`", line)
        assert not re.search(r"(?<!\\)(?:\\\\)*\*", line)
        assert "://" not in line


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("2.103 [2.051, 2.155]", "2.103 [2.051, 2.155]"),
        ("top_k", "top_k"),
        ("_x_", r"\_x\_"),
        ("[a](http://b)", r"\[a\](http:&#47;&#47;b)"),
        ("www.evil.example", "www&#46;evil.example"),
        ("a|b`c`<i>&", r"a\|b\`c\`&lt;i&gt;&amp;"),
        ("two\nlines", "two⏎lines"),
    ],
)
def test_a_markdown_cell_is_text(text: str, cell: str) -> None:
    assert markdown_cell(text) == cell


@settings(max_examples=100)
@given(st.lists(st.lists(CELL_TEXT | st.just(HOSTILE), min_size=2, max_size=2), min_size=1, max_size=3))
def test_a_latex_table_keeps_its_shape_and_runs_no_macro_of_its_text(rows: list[list[str]]) -> None:
    lines = latex_table(pd.DataFrame(rows, columns=["a", "b"])).splitlines()
    body = lines[lines.index(r"\midrule") + 1 : lines.index(r"\bottomrule")]
    assert len(body) == len(rows)
    known = r"\\(?:textbackslash|textasciitilde|textasciicircum|textless|textgreater)\{\}|\\[&%$#_{}]"
    for line in body:
        assert line.endswith(r" \\")
        bare = re.sub(known, "", line.removesuffix(r" \\"))
        assert "\\" not in bare
        assert bare.count("&") == 1
        assert not set(bare.replace("{}", "")) & set("%$#_{}^~")
        assert max(map(ord, bare)) < 0x100
        assert not line.startswith(("[", "*"))


def test_a_latex_cell_names_characters_that_no_latin_font_has() -> None:
    assert latex_cell("β 50 % [x]") == r"\textless{}U+03B2\textgreater{} 50 \% [x]"
    assert latex_cell("[2, 3]") == "{}[2, 3]"
