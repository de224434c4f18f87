"""How a sweep gets on: what is left, and how long that takes."""

from __future__ import annotations

from harness.workers.ledger import BEGAN, COMPLETE, ENDED, FAILED, STOPPED, Event
from harness.workers.planned import PlannedRun
from harness.workers.progress import Progress


def progress(*fits: str) -> Progress:
    runs = [PlannedRun(number, (), "default", f"run{number}", fit) for number, fit in enumerate(fits, start=1)]
    return Progress(runs, "now")


def ended(number: int, seconds: float, made_fit: bool, outcome: str = COMPLETE, round: str = "now") -> Event:
    return Event(ENDED, "worker", round, 0.0, number, outcome, seconds, made_fit)


def test_the_time_left_is_that_of_runs_that_make_a_fit_and_of_those_that_do_not() -> None:
    state = progress("a", "a", "a", "b", "b", "b")
    assert state.time_left(1) == ""
    state.add(ended(1, 100, made_fit=True))
    assert state.time_left(1) == ""  # nobody knows yet how long one takes that finds its fit
    state.add(ended(2, 4, made_fit=False))
    assert state.time_left(1) == ", about 112 s left"  # 4 + 100 + 4 + 4 s
    assert state.time_left(2) == ", about 56 s left"
    state.add(ended(4, 100, made_fit=True))
    state.add(ended(3, 6, made_fit=False))
    assert state.time_left(1) == ", about 10 s left"  # 5 + 5 s


def test_no_time_is_left_at_the_end_and_none_is_said_after_a_stop() -> None:
    state = progress("a", "b", "c")
    for number in (1, 2):
        state.add(ended(number, 10, made_fit=True))
    assert state.time_left(1) == ", about 10 s left"
    state.add(ended(3, 10, made_fit=True))
    assert state.time_left(1) == ""
    stopped = progress("a", "b", "c")
    stopped.add(ended(1, 10, made_fit=True))
    stopped.add(ended(2, 10, made_fit=True, outcome=STOPPED))
    assert stopped.time_left(1) == ""


def test_the_time_left_where_all_fits_are_there_already() -> None:
    state = progress("a", "b", "c", "d")
    state.add(ended(1, 4, made_fit=False))
    assert state.time_left(1) == ", about 12 s left"


def test_what_other_starts_of_the_command_did_does_not_count() -> None:
    state = progress("a", "b")
    state.add(ended(1, 4, made_fit=True, round="before"))
    assert state.counts() == "2 to do"


def test_a_run_that_is_tried_again_is_running_and_one_that_was_stopped_is_left() -> None:
    state = progress("a", "b")
    state.add(ended(1, 4, made_fit=True, outcome=FAILED))
    assert (state.counts(), state.num_left) == ("1 failed, 1 to do", 1)
    state.add(Event(BEGAN, "worker", "now", 0.0, 1))
    assert (state.counts(), state.num_left) == ("1 running, 1 to do", 2)
    state.add(ended(1, 4, made_fit=True, outcome=STOPPED))
    assert (state.counts(), state.num_left) == ("1 stopped, 1 to do", 2)
