"""The outcomes of checks."""

from __future__ import annotations

import pytest

from harness.plugin_kit.outcome import Outcome, Skipped, hold, outcomes


def it_holds(of: list[str]) -> None:
    of.append("seen")


def it_is_false(of: list[str]) -> None:
    hold(False, "it is\n  otherwise")


def it_breaks(of: list[str]) -> None:
    error = ZeroDivisionError("by zero")
    error.add_note("in sample 'a'")
    raise error


def it_is_skipped(of: list[str]) -> None:
    raise Skipped("not here")


def it_says_much(of: list[str]) -> None:
    hold(False, "x" * 1000)


def test_a_check_s_name_is_its_sentence_and_it_passes_fails_or_is_skipped() -> None:
    subject: list[str] = []
    all_outcomes = list(outcomes([it_holds, it_is_false, it_is_skipped], subject))
    assert [str(outcome) for outcome in all_outcomes] == [
        "pass  it holds",
        "FAIL  it is false: it is otherwise",
        "skip  it is skipped: not here",
    ]
    assert subject == ["seen"]


def test_a_plugin_that_ends_the_program_fails_and_the_other_checks_are_made() -> None:
    def it_exits(of: list[str]) -> None:
        raise SystemExit(0)

    [_, ended, after] = outcomes([it_holds, it_exits, it_is_false], [])
    assert (ended.verdict, after.verdict) == ("FAIL", "FAIL")
    assert ended.reason.startswith("SystemExit: 0 (")


def test_a_check_s_docstring_says_what_a_failure_means_before_the_numbers() -> None:
    def it_is_wrong(of: list[str]) -> None:
        """All must be 1. Usually a sum is missing."""
        hold(False, "3 of 4 differ.")

    [outcome] = outcomes([it_is_wrong], [])
    assert outcome.reason == "All must be 1. Usually a sum is missing. 3 of 4 differ."


def test_an_exception_is_told_with_its_note_and_its_line() -> None:
    [_, broken] = outcomes([it_holds, it_breaks], [])
    assert broken.verdict == "FAIL"
    assert broken.reason.startswith("ZeroDivisionError: by zero, in sample 'a' (")
    assert f"{__file__}:{it_breaks.__code__.co_firstlineno + 3}" in broken.reason


def test_the_same_exception_is_told_once() -> None:
    def it_breaks_too(of: list[str]) -> None:
        it_breaks(of)

    def it_breaks_otherwise(of: list[str]) -> None:
        raise KeyError("a")

    [_, first, again, other] = outcomes([it_holds, it_breaks, it_breaks_too, it_breaks_otherwise], [])
    assert "by zero" in first.reason
    assert (again.verdict, again.reason) == ("FAIL", "the same error as above")
    assert other.reason.startswith("KeyError: 'a' (")


@pytest.mark.parametrize(("first", "number"), [(it_is_false, 1), (it_is_skipped, 2), (it_holds, 2)])
def test_where_the_first_check_fails_the_others_are_not_made(first, number: int) -> None:  # type: ignore[no-untyped-def]
    assert len(list(outcomes([first, it_holds], []))) == number


def test_a_long_reason_is_cut() -> None:
    [outcome] = outcomes([it_says_much], [])
    assert outcome == Outcome("it says much", "FAIL", "x" * 600 + " ...")


def test_without_a_message_a_failed_assertion_is_named() -> None:
    def it_asserts(of: object) -> None:
        raise AssertionError

    [outcome] = outcomes([it_asserts], None)
    assert outcome.reason == "AssertionError"
