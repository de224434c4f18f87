"""A bank keeps every rating; what is damaged is named, with its line."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from harness.common.errors import UserError
from harness.ratings.bank import Bank, Gold
from tests.harness.ratings.made import rating

FIRST, SECOND, THIRD = rating("one"), rating("two"), rating("three", choice="b")


def filled(folder: Path) -> Bank:
    bank = Bank(folder / "mine")
    for each in (FIRST, SECOND):
        bank.add(each)
    return bank


def test_ratings_come_back_in_order(tmp_path: Path) -> None:
    bank = filled(tmp_path)
    assert bank.ratings() == [FIRST, SECOND]
    assert bank.path.read_bytes() == FIRST.line + SECOND.line
    assert bank.path == tmp_path / "mine" / "pairs.jsonl"


def test_of_several_ratings_of_a_pair_by_one_rater_the_last_counts(tmp_path: Path) -> None:
    bank = filled(tmp_path)
    other, again = replace(FIRST, rater="bert"), replace(FIRST, is_repeat=True)
    taken_back = replace(FIRST, choice="skip", p=None)
    for each in (other, again, taken_back):
        bank.add(each)
    assert bank.ratings() == [taken_back, SECOND, other, again]
    assert len(bank.path.read_bytes().splitlines()) == 5  # nothing is ever deleted


@pytest.mark.parametrize("kept", [1, 20, -1])
def test_a_line_that_was_written_in_part_is_left_out_and_replaced(
    tmp_path: Path, kept: int, caplog: pytest.LogCaptureFixture
) -> None:
    bank = filled(tmp_path)
    torn = THIRD.line[:-1] if kept == -1 else THIRD.line[:kept]
    bank.path.write_bytes(bank.path.read_bytes() + torn)
    with caplog.at_level(logging.WARNING, "bakeoff"):
        logging.getLogger("bakeoff").propagate = True
        expected = [FIRST, SECOND, THIRD] if kept == -1 else [FIRST, SECOND]
        assert bank.ratings() == expected  # a whole line that only lacks its line break counts
    assert ("incomplete" in caplog.text) == (kept != -1)
    last = rating("four")
    bank.add(last)
    assert bank.ratings() == [*expected, last]
    assert bank.path.read_bytes() == b"".join(each.line for each in (*expected, last))


def test_a_damaged_line_is_named_with_its_number(tmp_path: Path) -> None:
    bank = filled(tmp_path)
    bank.path.write_bytes(FIRST.line + b'{"pair": 3}\n' + SECOND.line)
    with pytest.raises(UserError, match=r"line 2 of .*pairs.jsonl is no rating: pair: .* Mend it, or delete the line"):
        bank.ratings()


def test_empty_lines_are_no_ratings(tmp_path: Path) -> None:
    bank = filled(tmp_path)
    bank.path.write_bytes(FIRST.line + b"\n  \n" + SECOND.line)
    assert bank.ratings() == [FIRST, SECOND]


def test_a_bank_that_isn_t_there_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no ratings in .*mine.*bakeoff rate RUN --bank mine"):
        Bank(tmp_path / "mine").ratings()


def test_gold_is_in_a_file_of_its_own(tmp_path: Path) -> None:
    bank = Bank(tmp_path / "simulated")
    gold = {FIRST.pair.id: Gold(0.75, 0.5, 0.625)}
    bank.write([FIRST], gold, {"spent": {"ratings": 1}})
    assert (bank.ratings(), bank.gold(), bank.about()) == ([FIRST], gold, {"spent": {"ratings": 1}})
    entry = json.loads((bank.folder / "gold.jsonl").read_text())
    assert entry == {"pair": FIRST.pair.id, "a": 0.75, "b": 0.5, "p": 0.625}
    assert b"0.75" not in bank.path.read_bytes()
    assert b"gold" not in bank.path.read_bytes()
    assert Bank(tmp_path / "other").gold() == {} == Bank(tmp_path / "other").about()


def test_its_name_says_nothing_of_its_content(tmp_path: Path) -> None:
    one, other = filled(tmp_path), Bank(tmp_path / "other")
    for each in (FIRST, SECOND):
        other.add(each)
    assert one.content_sha256 == other.content_sha256
    other.add(THIRD)
    assert one.content_sha256 != other.content_sha256
