"""Signals are held back until work can stop, and then do what they would have done."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from harness.common.stop_signals import held_back


class Stopped(BaseException):
    """Raised by the handler of these tests."""


def stop(number: int, _: object) -> None:
    raise Stopped(number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_where_it_is_let_through_after_what_must_be_done_before(number: int) -> None:
    before = signal.signal(number, stop)
    done: list[str] = []

    def work() -> None:
        with held_back() as signals:
            assert not signals.are_received
            os.kill(os.getpid(), number)
            done.append("the rest of the step")
            assert signals.are_received
            signals.stop(lambda: done.append("saved"))

    try:
        with pytest.raises(Stopped):
            work()
        assert done == ["the rest of the step", "saved"]
        assert signal.getsignal(number) is stop
    finally:
        signal.signal(number, before)


def test_a_signal_without_a_handler_in_python_is_left_alone() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        with held_back():
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)


def test_in_another_thread_nothing_is_held_back() -> None:
    ended: list[bool] = []

    def work() -> None:
        with held_back() as signals:
            ended.append(not signals.are_received)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert ended == [True]
