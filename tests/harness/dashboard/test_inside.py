from __future__ import annotations

import io
import math
import re
from urllib.parse import quote

import pandas as pd
import pytest

from harness.common.numerals import probability
from harness.dashboard.inside import Apart, Side, apart, level, strongest
from tests.harness.dashboard.reading import Reader, Shown

TEXT = "Hello, how are you?"


def seen(playing: Reader, query: str) -> Shown:
    page = playing.get(f"/inside?{query}")
    assert page.status == 200
    return page


@pytest.mark.parametrize("family", ["transformer", "gru", "ngram", "mixture", "uniform"])
def test_every_family_is_shown_and_what_it_lacks_is_said(playing: Reader, run_of: dict[str, str], family: str) -> None:
    page = seen(playing, f"a={run_of[family]}&text={quote(TEXT)}")
    assert len(page.ids) == len(set(page.ids))
    assert "<script>" not in page.text
    assert " style=" not in page.text
    says = {
        "no attention weights": family not in ("transformer", "mixture"),
        "no hidden units": family in ("ngram", "uniform"),
        "no embeddings": family in ("ngram", "uniform"),
        "keeps no counts of contexts": family not in ("ngram", "mixture"),
        "nothing else inside than its members": family == "mixture",
    }
    assert {sentence: sentence in page.text for sentence in says} == says
    candidates = page.tables["candidates-a"][1:]
    shares = [float(row[2]) for row in candidates]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) <= 1.001


def test_tokens_have_their_ids_and_bytes(playing: Reader, run_of: dict[str, str]) -> None:
    page = seen(playing, f"a={run_of['gru']}&text={quote('aé')}")
    data = "".join(row[3].replace(" ", "") for row in page.tables["tokens-a"][1:])
    assert data in ("61c3a9", "61partofabyte" + "partofabyte" * 3)


def test_two_fits_stand_side_by_side(playing: Reader, run_of: dict[str, str]) -> None:
    page = seen(playing, f"a={run_of['gru']}&b={run_of['ngram']}&text={quote(TEXT)}&at_b=3")
    assert {"tokens-a", "tokens-b", "candidates-a", "candidates-b", "contexts-b"} <= set(page.tables)
    assert "Token 4," in page.text
    rows = page.tables["apart"][1:]
    assert len(rows) == len(page.tables["tokens-a"]) - 1
    query = f"a={run_of['gru']}&b={run_of['ngram']}&text={quote(TEXT)}&file=apart.csv"
    table = pd.read_csv(io.StringIO(playing.client.get(f"/inside?{query}").text))
    for (_, in_a, in_b, bits), told in zip(rows, table.itertuples(), strict=True):
        assert (in_a, in_b) == (probability(told.probability_a), probability(told.probability_b))
        assert told.bits == pytest.approx(math.log2(told.probability_b / told.probability_a))
        assert bits == f"{told.bits:+.2f}"
    needs = re.search(r"B needs ([\d.]+) bits (fewer|more) than A", page.text)
    assert needs is not None
    total = sum(float(row[3]) for row in rows)
    assert float(needs[1]) == pytest.approx(abs(total), abs=0.5)
    assert (needs[2] == "fewer") == (total > 0)


@pytest.mark.parametrize(
    ("a", "b", "colour"), [(0.5, 0.5, "down p0"), (0.1, 0.2, "up p2"), (0.2, 0.1, "down p2"), (0.0, 1.0, "up p4")]
)
def test_a_token_is_coloured_by_whom_it_is_likelier_to(a: float, b: float, colour: str) -> None:
    assert Apart("x", a, b).colour == colour


def test_sides_with_other_tokens_are_not_compared(playing: Reader, run_of: dict[str, str]) -> None:
    assert "apart" not in seen(playing, f"a={run_of['gru']}&text={quote(TEXT)}").tables
    token = {"probability": 0.5}
    one, other = ({"tokens": [[number, "x"]], "positions": [token, token]} for number in (1, 2))
    sides = [Side(name, None, "", [], each) for name, each in zip("ab", (one, other), strict=True)]  # type: ignore[arg-type]
    assert apart(sides) == []


def test_the_counts_behind_a_probability_are_shown(playing: Reader, run_of: dict[str, str]) -> None:
    page = seen(playing, f"a={run_of['ngram']}&text={quote(TEXT)}&at_a=2")
    for after, total, count, own, passed_on in page.tables["contexts-a"][1:]:
        assert after
        assert int(count.replace(",", "")) <= int(total.replace(",", ""))
        assert own == "not seen" or float(own) <= 1
        assert passed_on == "–" or float(passed_on) <= 1


def test_a_head_and_a_layer_can_be_chosen_and_nothing_else(playing: Reader, run_of: dict[str, str]) -> None:
    shared = f"a={run_of['transformer']}&text={quote(TEXT)}"
    assert "Layer 2, head 1: after reading" in seen(playing, f"{shared}&head_a=2.1&layer_a=layer%201").text
    for wrong in ("head_a=9.9", "head_a=x", "head_a=-1.0", "at_a=1e9", "at_a=-3", "layer_a=%3Cb%3E"):
        assert "<b>%" not in seen(playing, f"{shared}&{wrong}").text
    assert "no member" in seen(playing, f"a={run_of['mixture']}&member_a=nobody&text=a").text


def test_hostile_text_acts_nowhere(playing: Reader, run_of: dict[str, str]) -> None:
    hostile = "<script>alert(1)</script>\u202e\x00<img src=x onerror=alert(1)>"
    page = seen(playing, f"a={run_of['gru']}&text={quote(hostile)}")
    assert "<script>alert" not in page.text
    assert "<img" not in page.text
    assert page.text.count("\u202e") == 1  # in the box where it was typed
    too_long = playing.get(f"/inside?text={'a' * 3000}")
    assert too_long.status == 404


def test_its_files(playing: Reader, run_of: dict[str, str]) -> None:
    shared = f"/inside?a={run_of['transformer']}&text={quote(TEXT)}&file="
    table = pd.read_csv(io.BytesIO(playing.client.get(f"{shared}expected_a.csv").content))
    assert table.groupby("position").size().max() == 10
    for name in ("attention_a.svg", "units_a.png", "embeddings_a.svg"):
        assert playing.client.get(shared + name).status_code == 200


@pytest.mark.parametrize(
    ("value", "name"), [(0.0, "p0"), (0.01, "p1"), (0.0499, "p1"), (0.05, "p2"), (0.2, "p3"), (0.5, "p4"), (1.0, "p4")]
)
def test_the_likelier_a_token_the_stronger_its_colour(value: float, name: str) -> None:
    assert level(value) == name
    assert probability(value)


def test_the_strongest_units_come_first_whatever_their_sign() -> None:
    assert strongest([0.1, -3.0, 2.0])[:2] == [(1, -3.0), (2, 2.0)]
