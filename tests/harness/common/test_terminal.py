"""Printed text can't control a terminal, whoever wrote it."""

from __future__ import annotations

import io
import json
import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.common.terminal import (
    announce_loading,
    cell,
    say,
    say_json,
    say_table,
    spell_out_what_encodings_lack,
    warn,
)

HOSTILE = "\x1b]0;owned\x07 \x9b2J \u202egnp\u200b [/nope] [bold]b[/bold] \r \ud800"


def is_harmless(text: str) -> bool:
    return all(char == "\n" or unicodedata.category(char)[0] != "C" for char in text)


def test_text_is_printed_with_what_acts_spelled_out(capsys: pytest.CaptureFixture[str]) -> None:
    say(HOSTILE, end="")
    warn(HOSTILE)
    printed = capsys.readouterr()
    assert printed.out == ("\\x1b]0;owned\\x07 \\x9b2J \\u202egnp\\u200b [/nope] [bold]b[/bold] \\x0d \\ud800")
    assert printed.err == f"{printed.out}\n"


@pytest.mark.parametrize(
    ("is_terminal", "is_loaded", "said"), [(True, False, True), (False, False, False), (True, True, False)]
)
def test_loading_is_announced_on_a_terminal_only(
    is_terminal: bool, is_loaded: bool, said: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal)
    monkeypatch.setitem(sys.modules, "torch", sys)
    if not is_loaded:
        monkeypatch.delitem(sys.modules, "torch")
    announce_loading()
    announce_loading("no_such_library")
    assert capsys.readouterr().err == "loading the libraries ...\n" * (said + is_terminal)


def test_a_cell_of_a_table_is_one_line_and_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    say_table(("name", "[/x]"), [(f"a\n\tb {HOSTILE}", "pip install 'bakeoff[hf]'")], right=("[/x]",))
    printed = capsys.readouterr().out
    assert is_harmless(printed)
    unfolded = "".join(line[:60] for line in printed.split())
    assert "a\\n\\tb" in unfolded
    assert "[/nope]" in printed
    assert "[hf]" in printed
    assert "[/x]" in printed
    assert cell("a\nb").plain == "a\\nb"


@settings(max_examples=50)
@given(st.dictionaries(st.text(), st.text()))
def test_json_is_the_same_value_and_harmless(value: dict[str, str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        lines: list[str] = []
        patch.setattr("builtins.print", lines.append)
        say_json(value)
    [line] = lines
    assert json.loads(line) == value
    assert is_harmless(line)
    assert "\n" not in line


def test_on_a_narrow_terminal_ids_stay_whole_and_nothing_is_lost(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    run = "transformer-top_p-s0-d1c919c4"
    say_table(("run", "differs in", "result"), [(run, "learning_rate=0.001, " * 5, "bits_per_byte 2.066")])
    printed = capsys.readouterr().out
    assert run in printed
    assert max(map(len, printed.splitlines())) <= 80
    assert printed.count("learning_rate") == 5
    assert "2.066" in printed


def test_without_a_terminal_a_table_is_no_wider_than_120_columns_unless_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = ("a" * 60, "some words " * 30, "3.5")
    monkeypatch.delenv("COLUMNS", raising=False)
    say_table(("name", "text", "value"), [row])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) == 120
    assert " ".join(lines).count("some") == 30
    monkeypatch.setenv("COLUMNS", "1000")
    say_table(("name", "text", "value"), [row])
    assert any(" ".join(row).split() == line.split() for line in capsys.readouterr().out.splitlines())


def test_where_a_table_is_too_wide_dispensable_columns_are_left_out_and_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    names, row = ("name", "seeds", "size", "value"), ("a" * 10, "b" * 20, "c" * 20, "d" * 10)

    def printed(columns: int) -> list[list[str]]:
        monkeypatch.setenv("COLUMNS", str(columns))
        say_table(names, [row], dispensable=("size", "seeds"), elsewhere="summary.csv has them")
        return [line.split() for line in capsys.readouterr().out.splitlines() if line.strip(" ─")]

    assert printed(80) == [list(names), list(row)]
    left_out = "left out, for want of room: {} (summary.csv has them; or set COLUMNS=200)"
    without_one, without_both = left_out.format("size"), left_out.format("size, seeds")
    assert printed(60) == [["name", "seeds", "value"], [row[0], row[1], row[3]], without_one.split()]
    assert printed(40) == [["name", "value"], [row[0], row[3]], without_both.split()]
    words = [word for line in printed(20) for word in line]
    assert words == [word for name, text in zip(names, row, strict=True) for word in (f"{name}:", text)]  # all as lines


@pytest.mark.parametrize("columns", [20, 40, 60, 80, 100])
def test_no_word_of_a_table_is_broken_on_any_terminal(
    columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    names = ("run", "status", "perplexity bits_per_byte", "format_questions cut_by_its_own_words", "from")
    row = (
        "ngram-greedy-s0-fc5e51be",
        "complete",
        "801,006.854",
        "temperature=1.2, data=chatterbot and more",
        "bakeoff",
    )
    say_table(names, [row, row[::-1]], right=names[2:3])
    printed = capsys.readouterr().out
    words = {word for text in (*names, *row) for word in text.split()}
    assert words <= set(printed.replace(":", "").split())
    too_wide = [line for line in printed.splitlines() if len(line.rstrip()) > columns]
    assert all(len(line.split()) == 1 for line in too_wide)  # one word alone may be wider


def test_a_row_that_fits_no_terminal_is_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    say_table(("run", "status", "bits_per_byte"), [("bigram-greedy-s0-b6b3b4cc", "complete", "3.6821"), ("a", "", "2")])
    assert capsys.readouterr().out == (
        "run: bigram-greedy-s0-b6b3b4cc\n  status: complete\n  bits_per_byte: 3.6821\nrun: a\n  bits_per_byte: 2\n"
    )


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_what_the_output_s_encoding_lacks_is_spelled_out(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    output = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", output)
    monkeypatch.setattr(sys, "stderr", output)
    text = "\u2019Tis 日本"
    say(text)
    warn(text)
    say_json({"text": f"{text}\x7f"})
    say_table(("name",), [(text,)])
    spell_out_what_encodings_lack()
    print(text)  # as a library does
    output.flush()
    lines = output.buffer.getvalue().decode(encoding).splitlines()
    spelled = "\\u2019Tis \\u65e5\\u672c"
    assert lines[0] == lines[1] == lines[-1] == spelled
    assert json.loads(lines[2]) == {"text": f"{text}\x7f"}
    assert "\x7f" not in lines[2]
    assert any(line.strip(" |") == spelled for line in lines[3:-1])
