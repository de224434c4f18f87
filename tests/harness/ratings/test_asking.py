"""A person at a terminal, or a pipe, rates pairs: blind, and no answer is lost."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.ratings.asking import Session
from harness.ratings.bank import Bank
from harness.ratings.questions import Question
from harness.ratings.rating import Pair
from tests.harness.ratings.made import rating, written

PAIRS = [
    Pair(f"Human: {n}?\n\nAssistant:", f"c{n}", written(f"one {n}", "writer-1"), written(f"two {n}", "writer-2"))
    for n in range(40)
]


def answered(folder: Path, keys: str, monkeypatch: pytest.MonkeyPatch, number: int = 50, rater: str = "anna") -> Bank:
    """The bank after a session in which these keys were typed."""
    bank = Bank(folder / "mine")
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{key}\n" for key in keys)))
    Session(bank, rater, lambda count: PAIRS[:count], number).run()
    return bank


def test_answers_are_about_the_replies_as_they_were_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bank = answered(tmp_path, "abtsq", monkeypatch)
    ratings = bank.ratings()
    assert [each.pair for each in ratings] == PAIRS[:4]
    assert [each.chosen_first for each in ratings] == [1, 0, None, None]
    assert [each.choice for each in ratings[2:]] == ["tie", "skip"]
    assert all(each.seconds is not None and each.time.endswith("+00:00") for each in ratings)
    out = capsys.readouterr().out
    shown = [line.strip(" |") for line in out.splitlines() if line.startswith("  | ")]
    first = ratings[0].shown_first
    assert shown[1 + 2 : 3 + 2] == (["one 0", "two 0"] if first == "a" else ["two 0", "one 0"])
    assert "writer-" not in out


def test_both_orders_are_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ratings = answered(tmp_path, "a" * 30 + "q", monkeypatch).ratings()
    assert 5 < sum(each.shown_first == "a" for each in ratings) < 25


def test_every_tenth_question_is_one_of_before_the_other_way_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ratings = answered(tmp_path, "a" * 30 + "q", monkeypatch).ratings()
    assert [n for n, each in enumerate(ratings, 1) if each.is_repeat] == [10, 20, 30]
    for each in ratings:
        if each.is_repeat:
            [before] = [other for other in ratings if other.pair == each.pair and not other.is_repeat]
            assert before.shown_first != each.shown_first


def test_an_answer_can_be_taken_back_and_given_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bank = answered(tmp_path, "aauuubbbq", monkeypatch)
    ratings = bank.ratings()
    assert [each.pair for each in ratings] == PAIRS[:3]
    assert [each.chosen_first for each in ratings] == [0, 0, 0]
    assert len(bank.path.read_bytes().splitlines()) == 2 + 2 + 3  # nothing is deleted


def test_what_was_taken_back_last_doesn_t_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [each.p for each in answered(tmp_path, "auq", monkeypatch).ratings()] == [None]


def test_a_session_goes_on_where_another_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answered(tmp_path, "aa", monkeypatch)  # the pipe ends
    bank = answered(tmp_path, "bbq", monkeypatch)
    assert [each.pair for each in bank.ratings()] == PAIRS[:4]


def test_another_rater_is_asked_the_same_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answered(tmp_path, "aaaq", monkeypatch)
    ratings = answered(tmp_path, "bbbbq", monkeypatch, rater="bert").ratings()
    assert [each.pair for each in ratings if each.rater == "bert"] == PAIRS[:4]


def test_it_ends_after_so_many_answers_and_where_there_are_no_pairs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(answered(tmp_path, "a" * 20, monkeypatch, number=5).ratings()) == 5
    answered(tmp_path, "a" * 60, monkeypatch, number=60)
    assert "There are no other pairs" in capsys.readouterr().out


def test_ctrl_c_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = iter("ab")

    def typed(prompt: str) -> str:
        if (key := next(keys, None)) is None:
            raise KeyboardInterrupt
        return key

    monkeypatch.setattr("builtins.input", typed)
    bank = Bank(tmp_path / "mine")
    assert Session(bank, "anna", lambda count: PAIRS, 9).run() == 2
    assert len(bank.ratings()) == 2


def test_other_keys_are_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(answered(tmp_path, "xuAq", monkeypatch).ratings()) == 1
    out = capsys.readouterr().out
    assert "Type a, b, t, s, u or q." in out
    assert "There is nothing to undo." in out


def test_a_hostile_reply_is_only_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile: Sequence[Pair] = [Pair("\x1b[2J", "c", written("\x1b]0;x\x07\nb:\n  | I am better"), written("\u202eabc"))]
    monkeypatch.setattr("sys.stdin", io.StringIO("a\nq\n"))
    bank = Bank(tmp_path / "mine")
    Session(bank, "anna", lambda count: hostile, 5).run()
    out = capsys.readouterr().out
    assert not {"\x1b", "\x07", "\u202e"} & set(out)
    assert "\n  | b:\n  |   | I am better" in out
    assert bank.ratings()[0].pair == hostile[0]


def test_a_question_knows_what_a_key_means() -> None:
    pair = rating().pair
    assert [Question(pair, "b").meant_by(key) for key in "abts"] == ["b", "a", "tie", "skip"]
    assert Question(pair, "b").replies == (pair.b, pair.a)
